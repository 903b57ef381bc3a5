import { RefusedError } from '#runtime/base/errors.ts';
import { isEqual } from '#runtime/base/json.ts';
import { ownerId, type Driver, type Owner } from '#runtime/drivers/driver.ts';
import { fieldChanges } from '#runtime/drivers/field-changes.ts';
import type { FileOwnership, Host, ReadOnlyHost } from '#runtime/host/host.ts';
import { challengePath, challengesDirectory, parseChallenge, renderChallenge } from './challenge-file.ts';
import type { ChallengeAnswer, ChallengeAnswers, ChallengesAction } from './model.ts';

/** What the driver acts on. */
export interface ChallengesWorld {
  readonly host: Host;
}

/** Answers by owner. */
export type ChallengesSnapshot = ReadonlyMap<string, ChallengeAnswers>;

const noAnswers: ChallengeAnswers = new Map();

/** What the web front answers to those who check orders of certificates. An answer counts from the moment it is renamed into place. */
export const challengesDriver: Driver<
  'challenges',
  ChallengesSnapshot,
  ChallengeAnswers,
  ChallengesAction,
  ChallengesWorld
> = {
  name: 'challenges',
  nothing: noAnswers,
  normalize: (desired) => desired,
  observe: (world, signal) => observeAnswers(world.host, signal),
  of: (owner, snapshot) => snapshot.get(ownerId(owner)) ?? noAnswers,
  owners: (snapshot) => snapshot.keys(),
  plan: planAnswers,
  apply: applyAnswer,
  settle: async () => undefined,
};

async function observeAnswers(host: ReadOnlyHost, signal: AbortSignal): Promise<ChallengesSnapshot> {
  const snapshot = new Map<string, Map<string, ChallengeAnswer>>();
  const texts = (await host.readTexts(challengesDirectory(host.root), signal)) ?? new Map<string, string>();
  for (const [token, text] of texts) {
    const found = parseChallenge(text);
    if (found === undefined) continue;
    const own = snapshot.get(found.owner) ?? new Map<string, ChallengeAnswer>();
    snapshot.set(found.owner, own.set(token, found.answer));
  }
  return snapshot;
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
    return to === undefined
      ? [{ ...common, op: 'delete-answer', reason: 'no longer wanted', input: { token, owner: mark } }]
      : [
          {
            ...common,
            op: 'put-answer',
            reason: from === undefined ? 'missing' : 'differs',
            input: { token, owner: mark, answer: to },
          },
        ];
  });
}

async function applyAnswer(
  { op, input }: ChallengesAction,
  { host }: ChallengesWorld,
  signal: AbortSignal,
): Promise<void> {
  const path = challengePath(host.root, input.token);
  const text = await host.readText(path, signal);
  const holder = text === undefined ? undefined : parseChallenge(text)?.owner;
  if (op === 'delete-answer') {
    if (holder === input.owner) await host.removeFile(path, signal);
    return;
  }
  if (holder !== undefined && holder !== input.owner) {
    throw new RefusedError('ChallengeTaken', 'Another challenge has this token.');
  }
  const { front } = await host.capabilities(signal);
  const ownership: FileOwnership = { mode: 0o640, uid: 0, gid: front.gid };
  await host.replaceFile(path, renderChallenge(input), ownership, signal);
}
