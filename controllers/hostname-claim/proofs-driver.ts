import { LABELS } from '#schemas/meta/names.ts';
import { hostnameClaimKind, type HostnameClaim } from '#schemas/v1alpha1/hostname-claim.ts';
import { rfc3339, type Clock } from '#runtime/base/clock.ts';
import { isEqual } from '#runtime/base/json.ts';
import type { Client } from '#runtime/client/client.ts';
import { resourceTypeOf } from '#runtime/client/resource-type.ts';
import type { Delegations } from '#runtime/dns/delegations.ts';
import type { NameResolver } from '#runtime/dns/name-resolver.ts';
import { ownerId, type Driver, type Owner } from '#runtime/drivers/driver.ts';
import type { Cache } from '#runtime/manager/cache.ts';
import type { Action } from '#runtime/plan/plan.ts';
import { foundIn, isElsewhere, type Answers, type Found } from './evidence.ts';
import { lookPauseMs, markOf, type ProofQuestion } from './proof.ts';

type Looks = NonNullable<NonNullable<HostnameClaim['status']>['looks']>;

/** What came of a look at the DNS. */
export interface ProofReport {
  readonly found: Found;
  readonly looks: Looks;
  /** When the next look is due, in milliseconds since the epoch. */
  readonly nextMs: number;
}

/** The proof of one name: wanted, or as far as it was looked for. */
export interface ProofWork {
  readonly question: ProofQuestion;
  /** Looks in vain so far, as the status tells of them. */
  readonly looks?: Looks;
  /** Wanted: whether the status says that a look is due. */
  readonly isDue: boolean;
  /** Wanted: the time, in milliseconds since the epoch. */
  readonly nowMs: number;
  /** Only of what was found. */
  readonly report?: ProofReport;
}

/** `undefined`: the DNS is not asked. */
export type ProofState = ProofWork | undefined;

interface PassInput {
  readonly name: string;
  readonly from: string;
  readonly to: string;
}

export type ProofsAction =
  | Action<'proofs', 'look-for-proof', { readonly owner: Owner; readonly work: ProofWork }>
  | Action<'proofs', 'pass-claim', PassInput>
  | Action<'proofs', 'forget-proof', { readonly owner: Owner }>;

interface World {
  readonly client: Client;
  readonly cache: Cache;
}

export interface ProofTools {
  readonly clock: Clock;
  readonly resolver: Pick<NameResolver, 'texts'>;
  readonly delegations: Delegations;
}

interface Snapshot {
  readonly cache: Cache;
  readonly found: ReadonlyMap<string, ProofWork>;
}

/**
 * Asks the DNS whether names are whose they are claimed to be. When a look is due stands in the claim's status, so that whoever leads goes on where the last one was. A
 * claim whose name the DNS says to be another tenant's passes to that one: whoever came first, but cannot show it, keeps nobody from a name.
 */
export function createProofsDriver<W extends World>({
  clock,
  ...dns
}: ProofTools): Driver<'proofs', Snapshot, ProofState, ProofsAction, W> {
  // By uid: of a claim that was made anew nothing is known.
  const memory = new Map<string, ProofWork & { readonly name: string }>();
  return {
    name: 'proofs',
    nothing: undefined,
    looks: ['look-for-proof', 'forget-proof'],
    normalize: (desired) => desired,
    observe: ({ cache }) => {
      for (const [uid, { name }] of memory)
        if (cache.get(hostnameClaimKind, { name })?.metadata.uid !== uid) memory.delete(uid);
      return Promise.resolve({ cache, found: memory });
    },
    advance: (snapshot) => snapshot,
    of: ({ uid }, { found }) => found.get(uid),
    plan: planProof,
    apply: async (action, { client, cache }, signal) => {
      switch (action.op) {
        case 'look-for-proof': {
          const { owner, work } = action.input;
          const answers = await ask(work.question, dns);
          const report = reportOf(owner, work, { answers, nowMs: clock.now() });
          memory.set(owner.uid, { ...work, name: owner.name, report });
          return;
        }
        case 'pass-claim':
          await passClaim(action.input, { client, cache }, signal);
          return;
        case 'forget-proof':
          memory.delete(action.input.owner.uid);
      }
    },
  };
}

function planProof(owner: Owner, desired: ProofState, observed: ProofState): readonly ProofsAction[] {
  const common = { driver: 'proofs', subject: ownerId(owner), disruption: 'none', changes: [] } as const;
  if (desired === undefined) {
    if (observed === undefined) return [];
    return [{ ...common, op: 'forget-proof', reason: 'no longer wanted', input: { owner } }];
  }
  const report = isEqual(observed?.question, desired.question) ? observed?.report : undefined;
  const look = (reason: string): readonly ProofsAction[] => [
    { ...common, op: 'look-for-proof', reason, input: { owner, work: desired } },
  ];
  if (report === undefined) return desired.isDue ? look('due') : [];
  if (report.found.type === 'Rival') {
    const [from, to] = [desired.question.tenant, report.found.tenant];
    const changes = [{ field: 'spec.tenantRef.name', from, to }];
    const input = { name: owner.name, from, to };
    return [{ ...common, op: 'pass-claim', reason: 'the DNS says that it is another’s', changes, input }];
  }
  return desired.nowMs < report.nextMs ? [] : look('due');
}

async function ask(
  { records, registrable }: ProofQuestion,
  { resolver, delegations }: Omit<ProofTools, 'clock'>,
): Promise<Answers> {
  const [texts, delegates] = await Promise.all([
    Promise.all(records.map(async (name) => await resolver.texts(name))),
    delegations.of(registrable),
  ]);
  return { texts, delegates };
}

function reportOf(
  owner: Owner,
  { question, looks }: ProofWork,
  { answers, nowMs }: { readonly answers: Answers; readonly nowMs: number },
): ProofReport {
  const mark = markOf(question);
  const before = looks?.mark === mark ? looks : { since: rfc3339(nowMs), count: 0, wasElsewhere: false };
  const { since, count, wasElsewhere = false } = before;
  return {
    found: foundIn(question, answers, wasElsewhere),
    looks: {
      mark,
      since,
      count: count + 1,
      request: question.request,
      wasElsewhere: wasElsewhere || isElsewhere(answers, question.servers),
    },
    nextMs: nowMs + lookPauseMs(nowMs - Date.parse(since), `${owner.uid}/${count}`),
  };
}

/** A claim that was bound meanwhile stays: the server refuses to let it pass. */
async function passClaim({ name, from, to }: PassInput, { client, cache }: World, signal: AbortSignal): Promise<void> {
  const held = cache.get(hostnameClaimKind, { name });
  if (held?.spec.tenantRef.name !== from) return;
  const { resourceVersion } = held.metadata;
  const body = {
    metadata: { resourceVersion, labels: { [LABELS.tenant]: to } },
    spec: { tenantRef: { name: to }, claimants: [] },
  };
  await client.patch(resourceTypeOf(hostnameClaimKind), { name }, { type: 'merge', body }, { signal });
}
