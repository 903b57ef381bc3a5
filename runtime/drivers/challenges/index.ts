export type { ChallengeAnswer, ChallengeAnswers, ChallengesAction } from './model.ts';
export {
  challengesDriver,
  createChallengesDriver,
  type ChallengesSnapshot,
  type ChallengesWorld,
} from './challenges-driver.ts';
