import { forbidden } from '#runtime/apiserver/http/api-errors.ts';
import type { AdmissionRequest, Operations, ResourceInfo } from '#runtime/apiserver/operations.ts';
import type { Clock } from '#runtime/base/clock.ts';
import { required } from '#runtime/base/errors.ts';
import type { CachedObject, CacheEvent, WatchCache } from '#runtime/storage/cache.ts';
import type { KubeObject } from '#schemas/meta/object.ts';
import { addOne, countNow, countsOf, fullOf, withUsed, type Counting, type Full } from './counting.ts';
import { countedCollection, countNamesOf, countOf, hardOf, quotaCollection, usedOf } from './model.ts';
import { createReservations, type Reservation } from './reservations.ts';
import { createSerial } from './serial.ts';

/**
 * The one place that writes `status.used` of ResourceQuotas.
 *
 * Flow: `charge` adds the new object to `used` by compare-and-swap before it is stored, so that of many creates at once, on one server or several, exactly as
 * many pass as there is room for; those that wait in one namespace are charged together in one write. `recount` sets `used` to what there is.
 * Guarantees: charge and recount of a namespace never run at once here, and a recount counts what was let through but is not stored yet; a create that
 * failed after its charge gives its place back within `reservationMs` and a recount; the same name may be tried again without a second charge.
 */
export interface QuotaKeeper {
  /** Throws ApiError 403 when a quota has no room. With dryRun nothing is charged. */
  charge(request: AdmissionRequest): Promise<void>;
  /** Resolves with the time (epoch milliseconds) when creates that did not arrive give their place back; `undefined` when none is on its way. */
  recount(namespace: string, name: string): Promise<number | undefined>;
  /** Must be told of every event, to know which creates have arrived. */
  observe(event: CacheEvent): void;
}

export interface QuotaKeeperOptions {
  readonly cache: WatchCache;
  readonly operations: Operations;
  readonly clock: Clock;
}

interface Waiting {
  readonly request: AdmissionRequest;
  readonly reservation: Reservation;
  readonly names: readonly string[];
  readonly settle: (refusal: Error | undefined) => void;
}

const keepers = new WeakMap<WatchCache, QuotaKeeper>();

/** The keeper of a server: admission and life cycle must share one, and what they have in common is the cache. */
export function quotaKeeperOf(options: QuotaKeeperOptions): QuotaKeeper {
  const known = keepers.get(options.cache);
  if (known !== undefined) return known;
  const made = createQuotaKeeper(options);
  keepers.set(options.cache, made);
  return made;
}

function createQuotaKeeper(options: QuotaKeeperOptions): QuotaKeeper {
  const { cache, clock } = options;
  const reservations = createReservations(cache);
  const serial = createSerial();
  const waiting = new Map<string, Waiting[]>();
  const keeping: Keeping = { ...options, reservations };
  let unnamed = 0;
  const enqueue = (entry: Waiting): void => {
    const { namespace } = entry.reservation;
    const entries = waiting.get(namespace);
    if (entries !== undefined) return void entries.push(entry);
    waiting.set(namespace, [entry]);
    void serial(namespace, async () => {
      const batch = waiting.get(namespace) ?? [];
      waiting.delete(namespace);
      await chargeBatch(keeping, namespace, batch);
    });
  };
  return {
    charge: async (request) => {
      const { resource, namespace, name } = request;
      const names = countNamesOf(resource);
      const limiting = quotasOver(cache, namespace, names);
      if (limiting.length === 0) return;
      const reservation = {
        collection: resource.collection,
        namespace,
        name: name === '' ? `?${(unnamed += 1)}` : name,
      };
      const isThere = cache.get(reservation.collection, namespace, reservation.name) !== undefined;
      if (isThere || request.dryRun) requireRoom(limiting, request, names);
      if (request.dryRun) return;
      if (isThere || reservations.has(reservation, clock.now())) {
        reservations.add(reservation, clock.now());
        return;
      }
      await new Promise<void>((resolve, reject) => {
        const settle = (refusal: Error | undefined): void => (refusal === undefined ? resolve() : reject(refusal));
        enqueue({ request, reservation, names, settle });
      });
    },
    recount: (namespace, name) => serial(namespace, () => recount(keeping, namespace, name)),
    observe: (event) => reservations.observe(event),
  };
}

type Keeping = QuotaKeeperOptions & Counting;

function quotasOver(cache: WatchCache, namespace: string, names: readonly string[]): readonly CachedObject[] {
  if (cache.count(quotaCollection, namespace) === 0) return [];
  return [...cache.list(quotaCollection, namespace)].filter(({ object }) => {
    const hard = hardOf(object);
    return names.some((name) => Object.hasOwn(hard, name));
  });
}

/** Charges nothing: for what is not going to be stored, or is there already, which is refused like anything new. */
function requireRoom(quotas: readonly CachedObject[], request: AdmissionRequest, names: readonly string[]): void {
  for (const { object } of quotas) {
    const used = usedOf(object);
    const full = fullOf(object, names, (name) => countOf(used[name]) ?? 0);
    if (full !== undefined) throw exceeded(request, full);
  }
}

/**
 * Charges what every quota has room for: all are asked before the first is charged, so that what one refuses costs the others nothing. Only what another
 * server charged in between is refused after that, and a recount gives the places back.
 */
async function chargeBatch(keeping: Keeping, namespace: string, batch: readonly Waiting[]): Promise<void> {
  try {
    const quotas = await quotasToCharge(keeping.cache, namespace, batch);
    const asked = quotas.length > 1 ? quotas.map(({ object }) => object) : [];
    const { refusals } = share(keeping, asked, { batch, refusals: new Map() });
    for (const quota of quotas) await chargeQuota(keeping, quota, { batch, refusals });
    for (const entry of batch) {
      const refusal = refusals.get(entry);
      if (refusal === undefined) keeping.reservations.add(entry.reservation, keeping.clock.now());
      entry.settle(refusal);
    }
  } catch (err) {
    for (const entry of batch) entry.settle(err instanceof Error ? err : new Error('charging failed', { cause: err }));
  }
}

/** Where there are several, from a cache no older than the store; one alone is asked by its charge, which looks at the store. */
async function quotasToCharge(
  cache: WatchCache,
  namespace: string,
  batch: readonly Waiting[],
): Promise<readonly CachedObject[]> {
  const names = [...new Set(batch.flatMap((entry) => entry.names))];
  const known = quotasOver(cache, namespace, names);
  // One that was never counted is counted now, not refused until somebody has.
  if (known.length < 2 && known.every(({ object }) => isCounted(object))) return known;
  await cache.sync();
  return quotasOver(cache, namespace, names);
}

function isCounted(quota: KubeObject): boolean {
  const used = usedOf(quota);
  return Object.keys(hardOf(quota)).every((name) => used[name] !== undefined || countedCollection(name) === undefined);
}

interface Charges {
  readonly batch: readonly Waiting[];
  readonly refusals: Map<Waiting, Error>;
}

interface Shares {
  /** What each of the quotas counts then. */
  readonly counts: readonly Readonly<Record<string, number>>[];
  readonly refusals: Map<Waiting, Error>;
}

/** Gives places in all of the quotas, first come, first served, to those that are not refused yet. */
function share(keeping: Keeping, quotas: readonly KubeObject[], charges: Charges): Shares {
  const refusals = new Map(charges.refusals);
  const charged = new Set<string>();
  const counted = quotas.map((quota) => ({ quota, counts: countsOf(keeping, quota) }));
  for (const entry of charges.batch) {
    const { name, collection } = entry.reservation;
    const key = `${collection}|${name}`;
    if (refusals.has(entry) || charged.has(key)) continue;
    const full = counted
      .map(({ quota, counts }) => fullOf(quota, entry.names, (each) => counts[each] ?? 0))
      .find((each) => each !== undefined);
    if (full !== undefined) {
      refusals.set(entry, exceeded(entry.request, full));
      continue;
    }
    charged.add(key);
    for (const { counts } of counted) addOne(counts, entry.names);
  }
  return { counts: counted.map(({ counts }) => counts), refusals };
}

async function chargeQuota(keeping: Keeping, { namespace, name }: CachedObject, charges: Charges): Promise<void> {
  let refusals = new Map<Waiting, Error>();
  await keeping.operations.mutate(
    quotaResource(keeping.operations),
    { namespace, name },
    (live) => {
      const shares = share(keeping, [live], charges);
      refusals = shares.refusals;
      return withUsed(live, shares.counts[0] ?? {});
    },
    { subresource: 'status' },
  );
  for (const [entry, refusal] of refusals) charges.refusals.set(entry, refusal);
}

async function recount(keeping: Keeping, namespace: string, name: string): Promise<number | undefined> {
  let again: number | undefined;
  const change = (live: KubeObject): KubeObject | undefined => {
    const counts: Record<string, number> = {};
    again = undefined;
    for (const counted of Object.keys(hardOf(live))) {
      const now = countNow(keeping, live, counted);
      if (now === undefined) continue;
      counts[counted] = now.count;
      again = now.untilMs === undefined ? again : Math.min(now.untilMs, again ?? now.untilMs);
    }
    return withUsed(live, counts);
  };
  const cached = keeping.cache.get(quotaCollection, namespace, name);
  if (cached === undefined || change(cached.object) === undefined) return again;
  await keeping.operations.mutate(quotaResource(keeping.operations), { namespace, name }, change, {
    subresource: 'status',
  });
  return again;
}

function exceeded(request: AdmissionRequest, full: Full): Error {
  const limits = full.limits.toSorted((a, b) => (a.name < b.name ? -1 : 1));
  const all = (valueOf: (limit: Full['limits'][number]) => unknown): string =>
    limits.map((limit) => `${limit.name}=${String(valueOf(limit))}`).join(',');
  const requested = all(() => 1);
  const used = all((limit) => limit.used);
  const limited = all((limit) => limit.limit);
  const why = `exceeded quota: ${full.quota}, requested: ${requested}, used: ${used}, limited: ${limited}`;
  return forbidden(request.resource, request.name, why);
}

function quotaResource(operations: Operations): ResourceInfo {
  return required(operations.resource('', 'resourcequotas'), 'the resource resourcequotas');
}
