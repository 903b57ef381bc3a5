import { certificateKind } from '#schemas/v1alpha1/certificate.ts';
import { isEqual } from '#runtime/base/json.ts';
import type { Client } from '#runtime/client/client.ts';
import { ownerId, type Driver, type Owner } from '#runtime/drivers/driver.ts';
import type { Cache } from '#runtime/manager/cache.ts';
import type { Action } from '#runtime/plan/plan.ts';
import type { AcmeAccounts, CertificateTools } from '#controllers/acme-accounts.ts';
import { lookAt } from './look.ts';
import type { CertificateOrder, CertificateState, CertificateWork } from './model.ts';
import { createOrderPace } from './pace.ts';
import { createOrderRefusals, type OrderRefusals } from './refusals.ts';

interface LookInput {
  readonly owner: Owner;
  readonly order: CertificateOrder;
}

export type CertificatesAction =
  | Action<'certificates', 'look-at-certificate', LookInput>
  | Action<'certificates', 'forget-certificate', { readonly owner: Owner }>;

interface World {
  readonly client: Client;
  readonly cache: Cache;
}

/** What was found of each Certificate by `ownerId`; it can be lost, and is found again. */
type Memory = Map<string, CertificateWork>;

/** A timer is for what is on its way; what is due in days the object itself says. */
const longestTimerMs = 10 * 60_000;

export interface CertificatesDriverParts {
  readonly accounts: AcmeAccounts;
  /** The domain that somebody registered above a hostname. */
  readonly registrable: (hostname: string) => string;
}

/** Looks at Certificates when they, or what they hang on, change, and when the last look said that the next is due. */
export function createCertificatesDriver<W extends World>(
  { accounts, registrable }: CertificatesDriverParts,
  { clock, resolver, signal: lifetime }: CertificateTools,
): Driver<'certificates', Memory, CertificateState, CertificatesAction, W> & Pick<OrderRefusals, 'reads'> {
  const memory: Memory = new Map();
  const [pace, refusals] = [createOrderPace(registrable), createOrderRefusals(registrable)];
  let tell = (_owners: readonly string[]): void => undefined;
  const wake = async (id: string, work: CertificateWork): Promise<void> => {
    const ms = work.atMs - clock.now();
    if (ms > longestTimerMs) return;
    // A timer may end within the millisecond before its time, when nothing is due yet.
    await clock.sleep(Math.max(0, ms) + 1, lifetime);
    if (memory.get(id) === work) tell([id]);
  };
  return {
    name: 'certificates',
    reads: [...pace.reads, ...refusals.reads],
    nothing: undefined,
    looks: ['look-at-certificate', 'forget-certificate'],
    normalize: (desired) => desired,
    observe: ({ cache }) => {
      forgetGone(memory, cache);
      return Promise.resolve(memory);
    },
    advance: (snapshot) => snapshot,
    of: (owner, snapshot) => snapshot.get(ownerId(owner)),
    plan: planLook,
    apply: async (action, { client, cache }, signal) => {
      const { owner } = action.input;
      const id = ownerId(owner);
      if (action.op === 'forget-certificate') return void memory.delete(id);
      const { order } = action.input;
      const last = memory.get(id);
      const tools = { accounts, resolver, pace, refusals, client, cache, clock, signal };
      const work = await lookAt({ owner, order, last, ...tools });
      memory.set(id, work);
      wake(id, work).catch(() => undefined);
    },
    watchDrift: (_world, onDrift) => {
      tell = onDrift;
      return Promise.resolve();
    },
  };
}

/** A Certificate goes without asking anybody. */
function forgetGone(memory: Memory, cache: Cache): void {
  for (const id of memory.keys()) {
    const [, namespace = '', name = ''] = id.split('/');
    if (cache.get(certificateKind, { namespace, name }) === undefined) memory.delete(id);
  }
}

function planLook(owner: Owner, desired: CertificateState, observed: CertificateState): readonly CertificatesAction[] {
  const common = { driver: 'certificates', subject: ownerId(owner), disruption: 'none', changes: [] } as const;
  if (desired === undefined)
    return observed === undefined
      ? []
      : [{ ...common, op: 'forget-certificate', reason: 'no longer wanted', input: { owner } }];
  const reason = lookReason(desired, observed);
  if (reason === undefined) return [];
  return [{ ...common, op: 'look-at-certificate', reason, input: { owner, order: desired.order } }];
}

/** Why it is to be looked at; `undefined` when it is not. */
function lookReason(desired: CertificateWork, observed: CertificateState): string | undefined {
  // The object itself tells that nothing is to be done: that its Challenges are gone is no news.
  const isOfThisSpec = observed === undefined || observed.order.generation === desired.order.generation;
  if (desired.isSettled && observed?.isSettled !== false && isOfThisSpec) return undefined;
  if (observed === undefined) return 'missing';
  if (!isEqual(withoutOwn(observed), withoutOwn(desired)) || isMorePresented(desired, observed)) return 'differs';
  return desired.atMs < observed.atMs ? undefined : 'due';
}

/** A look changes the Secret, and takes Challenges away: it is not to be followed by another one for that. */
function withoutOwn({ order, report }: CertificateWork): Omit<CertificateOrder, 'presented'> {
  const { presented: _, ...rest } = order;
  return { ...rest, secretVersion: report?.standing.secretVersion ?? order.secretVersion };
}

function isMorePresented(desired: CertificateWork, observed: CertificateWork): boolean {
  return desired.order.presented.some((challenge) => !observed.order.presented.includes(challenge));
}
