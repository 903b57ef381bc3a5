import { RefusedError } from '#runtime/base/errors.ts';
import { isRecord } from '#runtime/base/json.ts';
import type { PemPair } from '#runtime/pki/pair.ts';
import type { ChallengeAnswer, MarkedAnswer } from './model.ts';

const tokenPattern = /^[A-Za-z0-9_-]{1,128}$/;
const hostnamePattern = /^[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*$/;
const keyAuthorizationPattern = /^[A-Za-z0-9_.-]{1,512}$/;

/** Where the answers of an instance lie, by the way in which they are shown. */
export function answerDirectories(root: string): Readonly<Record<ChallengeAnswer['way'], string>> {
  return { Path: `${root}/front/challenges`, Handshake: `${root}/front/handshakes` };
}

/** Where an answer lies: under what the CA names when it looks. RefusedError for what is no token, name or answer: it would be a path, or be shown. */
export function answerPath(root: string, { token, answer }: MarkedAnswer): string {
  if (!tokenPattern.test(token)) throw new RefusedError('ChallengeInvalid', 'The token of the challenge is none.');
  const { way, hostname, keyAuthorization } = answer;
  if (!hostnamePattern.test(hostname) || !keyAuthorizationPattern.test(keyAuthorization))
    throw new RefusedError('ChallengeInvalid', 'The hostname or the answer of the challenge is none.');
  return `${answerDirectories(root)[way]}/${way === 'Path' ? token : hostname}`;
}

/** An answer as the Lua code of the front reads it; `pair` is what a handshake shows. */
export function renderAnswer({ token, owner, answer }: MarkedAnswer, pair: PemPair | undefined): string {
  const { hostname, keyAuthorization } = answer;
  return JSON.stringify({ owner, token, hostname, keyAuthorization, ...pair });
}

/** The answer in a text; `undefined` for what nobody of ours wrote. */
export function parseAnswer(text: string, way: ChallengeAnswer['way']): MarkedAnswer | undefined {
  try {
    const value: unknown = JSON.parse(text);
    if (!isRecord(value)) return undefined;
    const { owner, token, hostname, keyAuthorization } = value;
    if (typeof owner !== 'string' || typeof token !== 'string') return undefined;
    const isWhole = typeof hostname === 'string' && typeof keyAuthorization === 'string';
    return isWhole ? { owner, token, answer: { way, hostname, keyAuthorization } } : undefined;
  } catch {
    return undefined;
  }
}
