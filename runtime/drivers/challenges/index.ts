export type { ChallengeAnswer, ChallengeAnswers, ChallengesAction } from './model.ts';
export { challengesDriver, type ChallengesSnapshot, type ChallengesWorld } from './challenges-driver.ts';
