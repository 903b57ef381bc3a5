import type { Action } from '#runtime/plan/plan.ts';

/** Token of an ACME challenge → what the web front answers to whoever looks for it. */
export type ChallengeAnswers = ReadonlyMap<string, ChallengeAnswer>;

export interface ChallengeAnswer {
  /** A reserved path holds it (HTTP-01, RFC 8555 §8.3), or the certificate of a handshake (TLS-ALPN-01, RFC 8737). */
  readonly way: 'Path' | 'Handshake';
  /** The only name under which it is answered; never a wildcard. */
  readonly hostname: string;
  readonly keyAuthorization: string;
}

/** `owner` is the `ownerId` that the answer is marked with; it is removed only while it still is that owner's. */
export interface MarkedAnswer {
  readonly token: string;
  readonly owner: string;
  readonly answer: ChallengeAnswer;
}

export type ChallengesAction =
  Action<'challenges', 'put-answer', MarkedAnswer> | Action<'challenges', 'delete-answer', MarkedAnswer>;
