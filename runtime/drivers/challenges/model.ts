import type { Action } from '#runtime/plan/plan.ts';

/** Token of an ACME challenge (HTTP-01, RFC 8555 §8.3) → what the web front answers to whoever asks for it. */
export type ChallengeAnswers = ReadonlyMap<string, ChallengeAnswer>;

export interface ChallengeAnswer {
  /** The only name under which it is answered; never a wildcard. */
  readonly hostname: string;
  readonly keyAuthorization: string;
}

/** `owner` is the `ownerId` that the answer is marked with; it is removed only while it still is that owner's. */
export type ChallengesAction =
  | Action<
      'challenges',
      'put-answer',
      { readonly token: string; readonly owner: string; readonly answer: ChallengeAnswer }
    >
  | Action<'challenges', 'delete-answer', { readonly token: string; readonly owner: string }>;
