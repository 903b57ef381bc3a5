import { HostError, RefusedError } from '#runtime/base/errors.ts';
import { isEqual } from '#runtime/base/json.ts';
import { ownerId, type Driver, type Owner } from '#runtime/drivers/driver.ts';
import { fieldChanges } from '#runtime/drivers/field-changes.ts';
import type { FileOwnership, Host, ReadOnlyHost } from '#runtime/host/host.ts';
import { issueChallengeCertificate, type ChallengeWord } from '#runtime/pki/challenge-certificate.ts';
import type { PemPair } from '#runtime/pki/pair.ts';
import { answerDirectories, answerPath, parseAnswer, renderAnswer } from './challenge-file.ts';
import type { ChallengeAnswer, ChallengeAnswers, ChallengesAction, MarkedAnswer } from './model.ts';

/** What the driver acts on. */
export interface ChallengesWorld {
  readonly host: Host;
}

/** Answers by owner. Belongs to the loop; `advanceAnswers` changes it in place. */
export type ChallengesSnapshot = Map<string, Map<string, ChallengeAnswer>>;

const noAnswers: ChallengeAnswers = new Map();

type ChallengesDriver = Driver<'challenges', ChallengesSnapshot, ChallengeAnswers, ChallengesAction, ChallengesWorld>;

/** Makes the certificate that a handshake shows. */
type Certify = (word: ChallengeWord) => Promise<PemPair>;

/** What the web front answers to those who check orders of certificates. An answer counts from the moment it is renamed into place. */
export function createChallengesDriver(certify: Certify): ChallengesDriver {
  return {
    name: 'challenges',
    nothing: noAnswers,
    normalize: (desired) => desired,
    observe: (world, signal) => observeAnswers(world.host, signal),
    advance: advanceAnswers,
    of: (owner, snapshot) => snapshot.get(ownerId(owner)) ?? noAnswers,
    owners: (snapshot) => snapshot.keys(),
    plan: planAnswers,
    apply: async (action, { host }, signal) => await applyAnswer(action, { host, certify, signal }),
  };
}

export const challengesDriver = createChallengesDriver(
  async (word) => await issueChallengeCertificate(word, Date.now()),
);

async function observeAnswers(host: ReadOnlyHost, signal: AbortSignal): Promise<ChallengesSnapshot> {
  const snapshot: ChallengesSnapshot = new Map();
  const directories = answerDirectories(host.root);
  for (const way of ['Path', 'Handshake'] as const) {
    for (const text of (await host.readTexts(directories[way], signal))?.values() ?? []) {
      const found = parseAnswer(text, way);
      if (found === undefined) continue;
      putAnswer(snapshot, found);
    }
  }
  return snapshot;
}

function putAnswer(snapshot: ChallengesSnapshot, { owner, token, answer }: MarkedAnswer): void {
  const own = snapshot.get(owner) ?? new Map<string, ChallengeAnswer>();
  snapshot.set(owner, own.set(token, answer));
}

/** With thousands of them under way, reading all after each one would cost more than everything else. */
function advanceAnswers(snapshot: ChallengesSnapshot, done: readonly ChallengesAction[]): ChallengesSnapshot {
  for (const { op, input } of done) {
    if (op === 'put-answer') putAnswer(snapshot, input);
    else dropAnswer(snapshot, input);
  }
  return snapshot;
}

function dropAnswer(snapshot: ChallengesSnapshot, { owner, token }: MarkedAnswer): void {
  const own = snapshot.get(owner);
  own?.delete(token);
  if (own?.size === 0) snapshot.delete(owner);
}

function planAnswers(owner: Owner, desired: ChallengeAnswers, observed: ChallengeAnswers): readonly ChallengesAction[] {
  const mark = ownerId(owner);
  const tokens = [...new Set([...observed.keys(), ...desired.keys()])].toSorted();
  return tokens.flatMap((token): readonly ChallengesAction[] => {
    const from = observed.get(token);
    const to = desired.get(token);
    if (isEqual(from, to)) return [];
    const common = {
      driver: 'challenges',
      subject: `challenges/${mark}/${token}`,
      disruption: 'none',
      changes: fieldChanges(from, to),
    } as const;
    const reason = to === undefined ? 'no longer wanted' : from === undefined ? 'missing' : 'differs';
    return [
      ...(from === undefined || isSamePlace(from, to)
        ? []
        : [{ ...common, reason, op: 'delete-answer', input: { token, owner: mark, answer: from } } as const]),
      ...(to === undefined
        ? []
        : [{ ...common, reason, op: 'put-answer', input: { token, owner: mark, answer: to } } as const]),
    ];
  });
}

/** A handshake finds its answer by the name, a path by the token. */
function isSamePlace(from: ChallengeAnswer, to: ChallengeAnswer | undefined): boolean {
  return from.way === to?.way && (to.way === 'Path' || from.hostname === to.hostname);
}

async function applyAnswer(
  { op, input }: ChallengesAction,
  { host, certify, signal }: ChallengesWorld & { readonly certify: Certify; readonly signal: AbortSignal },
): Promise<void> {
  const path = answerPath(host.root, input);
  const text = await host.readText(path, signal);
  const holder = text === undefined ? undefined : parseAnswer(text, input.answer.way)?.owner;
  if (op === 'delete-answer') {
    if (holder === input.owner) await host.removeFile(path, signal);
    return;
  }
  if (holder !== undefined && holder !== input.owner) throw taken(input.answer);
  const pair = input.answer.way === 'Path' ? undefined : await certify(input.answer);
  const { front } = await host.capabilities(signal);
  const ownership: FileOwnership = { mode: 0o640, uid: 0, gid: front.gid };
  await host.replaceFile(path, renderAnswer(input, pair), ownership, signal);
}

/** Nobody else is given a token of this one; a name may be in another order, which ends, and is then free. */
function taken({ way }: ChallengeAnswer): Error {
  if (way === 'Path') return new RefusedError('ChallengeTaken', 'Another challenge has this token.');
  return new HostError('another challenge is shown for the name');
}
