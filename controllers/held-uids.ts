import { hostKind, type Host } from '#schemas/v1alpha1/host.ts';
import { retainedDataKind, type RetainedData } from '#schemas/v1alpha1/retained-data.ts';
import { tenantKind } from '#schemas/v1alpha1/tenant.ts';
import { uidClaimKind, type UIDClaim } from '#schemas/v1alpha1/uid-claim.ts';
import type { KubeObject } from '#schemas/meta/object.ts';
import type { Cache } from '#runtime/manager/cache.ts';

// What the leader makes of the numbers that hosts hold: files outlive the store, and whose they are counts for more than who came first.

/** A number that files of a tenant carry on a host, of which the store did not say the same there. */
export interface HeldUid {
  readonly host: string;
  readonly tenant: string;
  readonly uid: number;
}

const HELD_FOR = 'heldFor';
const HELD_UID = 'heldUid';
const TAKEN_UID = 'takenUid';
const KEPT_UID = 'keptUid';

/** Whoever asks anything here declares these. */
export const heldUidIndexes = [
  hostsBy(HELD_FOR, ({ heldUids = [] }) => heldUids.map(({ tenant }) => tenant)),
  hostsBy(HELD_UID, ({ heldUids = [] }) => heldUids.map(({ uid }) => uid)),
  hostsBy(TAKEN_UID, ({ takenUids = [] }) => takenUids),
  {
    kind: retainedDataKind,
    index: { name: KEPT_UID, valuesOf: (kept: KubeObject) => userIdsOf(kept as RetainedData) },
  },
];

function userIdsOf({ spec: { userId } }: RetainedData): readonly string[] {
  return userId === undefined ? [] : [String(userId)];
}

type Capabilities = NonNullable<NonNullable<Host['status']>['capabilities']>;

function hostsBy(name: string, valuesOf: (capabilities: Capabilities) => readonly (string | number)[]) {
  const valuesOfHost = (host: KubeObject): readonly string[] => [
    ...new Set(valuesOf((host as Host).status?.capabilities ?? {}).map(String)),
  ];
  return { kind: hostKind, index: { name, valuesOf: valuesOfHost } };
}

/** What a host holds; of all of it, unless something is asked for. */
export function heldBy(host: KubeObject, isAskedFor: (held: Omit<HeldUid, 'host'>) => boolean = () => true) {
  const { heldUids = [] } = (host as Host).status?.capabilities ?? {};
  return heldUids.filter(isAskedFor).map((held): HeldUid => ({ ...held, host: host.metadata.name }));
}

export function heldFor(tenant: string, cache: Cache): readonly HeldUid[] {
  const hosts = cache.byIndex(hostKind, HELD_FOR, tenant);
  return hosts.flatMap((host) => heldBy(host, (held) => held.tenant === tenant));
}

export function heldUnder(uid: number, cache: Cache): readonly HeldUid[] {
  const hosts = cache.byIndex(hostKind, HELD_UID, String(uid));
  return hosts.flatMap((host) => heldBy(host, (held) => held.uid === uid));
}

/** What is kept under a number, as its objects say. */
export function keptUnder(uid: number, cache: Cache): readonly RetainedData[] {
  return cache.byIndex(retainedDataKind, KEPT_UID, String(uid));
}

/** Whether a machine uses the number for itself. */
export function isTaken(uid: number, cache: Cache): boolean {
  return cache.byIndex(hostKind, TAKEN_UID, String(uid)).length > 0;
}

/** Whether a tenant may claim a number: nobody has claimed it, and no host holds it for another. */
export function isFreeFor(tenant: string, uid: number, cache: Cache): boolean {
  const isClaimed = cache.get(uidClaimKind, { name: String(uid) }) !== undefined;
  return !isClaimed && heldUnder(uid, cache).every((held) => held.tenant === tenant);
}

/**
 * Whether a claim goes back because it was made before a host could tell, and nothing was made under it. The first line that fits holds.
 *
 * | what hosts tell                                                   | the claim                                    |
 * | the tenant is gone or goes                                        | stays: others decide                         |
 * | files of the tenant carry the number, in place or kept            | stays: a person has to decide                |
 * | the tenant is placed, and its host tells nothing else             | stays: there may be files that agree with it |
 * | files of another tenant carry the number                          | goes                                         |
 * | files of the tenant carry another number, which it may have       | goes                                         |
 * | anything else                                                     | stays                                        |
 */
export function isMistaken(claim: UIDClaim, cache: Cache): boolean {
  const uid = Number(claim.metadata.name);
  const { name } = claim.spec.tenantRef;
  const tenant = cache.get(tenantKind, { name });
  if (tenant === undefined || tenant.metadata.deletionTimestamp !== undefined) return false;
  const own = heldFor(name, cache);
  const others = heldUnder(uid, cache).filter((held) => held.tenant !== name);
  // A host that tells anything of a tenant tells all: there it counts for more than what was noted when data was kept.
  const isKept = keptUnder(uid, cache).some(
    ({ spec }) => spec.tenantRef.name === name && !own.some(({ host }) => host === spec.host),
  );
  if (isKept || own.some((held) => held.uid === uid)) return false;
  const place = tenant.status?.host;
  // Who tells something else refuses the tenant, so nothing is made for it there.
  if (place !== undefined && ![...own, ...others].some(({ host }) => host === place)) return false;
  return others.length > 0 || own.some((held) => isFreeFor(name, held.uid, cache));
}
