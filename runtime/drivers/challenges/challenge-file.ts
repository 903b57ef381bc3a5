import { RefusedError } from '#runtime/base/errors.ts';
import { isRecord } from '#runtime/base/json.ts';
import type { ChallengeAnswer } from './model.ts';

const tokenPattern = /^[A-Za-z0-9_-]{1,128}$/;
const hostnamePattern = /^[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*$/;
const keyAuthorizationPattern = /^[A-Za-z0-9_.-]{1,512}$/;

/** An answer and whose it is. */
export interface MarkedAnswer {
  readonly owner: string;
  readonly answer: ChallengeAnswer;
}

/** Where the answers of an instance lie. */
export function challengesDirectory(root: string): string {
  return `${root}/front/challenges`;
}

/** Where the answer to a token lies. RefusedError for what is no token: it would be a path. */
export function challengePath(root: string, token: string): string {
  if (!tokenPattern.test(token)) throw new RefusedError('ChallengeInvalid', 'The token of the challenge is none.');
  return `${challengesDirectory(root)}/${token}`;
}

/** An answer as the Lua code of the front reads it. RefusedError for a name or an answer that is none. */
export function renderChallenge({ owner, answer }: MarkedAnswer): string {
  const { hostname, keyAuthorization } = answer;
  const isPlain = hostnamePattern.test(hostname) && keyAuthorizationPattern.test(keyAuthorization);
  if (!isPlain) throw new RefusedError('ChallengeInvalid', 'The hostname or the answer of the challenge is none.');
  return JSON.stringify({ owner, hostname, keyAuthorization });
}

/** The answer in a text; `undefined` for what nobody of ours wrote. */
export function parseChallenge(text: string): MarkedAnswer | undefined {
  try {
    const value: unknown = JSON.parse(text);
    if (!isRecord(value)) return undefined;
    const { owner, hostname, keyAuthorization } = value;
    const isOurs = typeof owner === 'string' && typeof hostname === 'string' && typeof keyAuthorization === 'string';
    return isOurs ? { owner, answer: { hostname, keyAuthorization } } : undefined;
  } catch {
    return undefined;
  }
}
