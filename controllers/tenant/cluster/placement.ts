import { mixedHash } from '#schemas/meta/name-hash.ts';
import { findCondition, isTrue } from '#schemas/meta/conditions.ts';
import { parseMilli } from '#schemas/meta/quantity.ts';
import { matchesLabels, selectorOf } from '#schemas/meta/selectors.ts';
import { hostKind, type Host } from '#schemas/v1alpha1/host.ts';
import { tenantKind, type Tenant } from '#schemas/v1alpha1/tenant.ts';
import type { Cache } from '#runtime/manager/cache.ts';
import { heldFor } from '#controllers/held-uids.ts';
import { isGranted, TENANTS_BY_HOST } from '#controllers/host-rights.ts';
import type { Effective, TenantClusterInputs } from './inputs.ts';

type Place = Pick<TenantClusterInputs, 'host' | 'isHostSilent' | 'nextHost' | 'unplaced'>;

/**
 * Where a tenant runs. Once placed it stays, whatever else would be better, until its host is declared lost.
 *
 * A host is chosen first, as `nextHost`; it becomes the tenant's when its agent has been given what it needs to write there. So nothing is ever placed with an
 * agent that may not tell how it went.
 */
export function placementOf(tenant: Tenant, effective: Effective, cache: Cache): Place {
  const { host, nextHost } = tenant.status ?? {};
  if (host !== undefined && !isLost(host, cache))
    return { host, ...(isSilent(host, cache) ? { isHostSilent: true } : {}) };
  const { name } = tenant.metadata;
  const candidates = candidatesFor(tenant, effective, cache);
  const chosen = candidates.find((candidate) => candidate.metadata.name === nextHost) ?? best(name, candidates, cache);
  if (chosen === undefined) return { unplaced: 'No host takes this tenant at the moment.' };
  const chosenName = chosen.metadata.name;
  return isGranted(chosenName, { tenants: name }, cache) ? { host: chosenName } : { nextHost: chosenName };
}

/** Where a tenant that is being deleted is taken down; nobody waits for a host that is lost. */
export function lastPlaceOf(tenant: Tenant, cache: Cache): Place {
  const host = tenant.status?.host;
  return host === undefined || isLost(host, cache) ? {} : { host };
}

function isSilent(name: string, cache: Cache): boolean {
  return findCondition(cache.get(hostKind, { name })?.status?.conditions, 'Ready')?.reason === 'AgentSilent';
}

/** A Host that nobody knows is not lost: it may be declared again. */
function isLost(name: string, cache: Cache): boolean {
  return cache.get(hostKind, { name })?.spec.lost === true;
}

function candidatesFor(tenant: Tenant, effective: Effective, cache: Cache): readonly Host[] {
  const selector = selectorOf(tenant.spec.placement.hostSelector);
  return cache
    .list(hostKind)
    .filter(
      (host) =>
        takes(host, tenant) &&
        matchesLabels(selector, host.metadata.labels) &&
        hasRoom(host, { tenant, effective, cache }),
    );
}

/** One that has files of the tenant, else the one with the fewest tenants for its size. Where that is equal the name decides, differently for each tenant, so that many who come at once are spread. */
function best(tenant: string, candidates: readonly Host[], cache: Cache): Host | undefined {
  const holders = new Set(heldFor(tenant, cache).map(({ host }) => host));
  const [first] = candidates
    .map((host) => ({
      host,
      isHolder: holders.has(host.metadata.name),
      crowding: cache.byIndex(tenantKind, TENANTS_BY_HOST, host.metadata.name).length / sizeOf(host),
      rank: mixedHash(`${tenant} ${host.metadata.name}`),
    }))
    .toSorted((a, b) => Number(b.isHolder) - Number(a.isHolder) || a.crowding - b.crowding || a.rank - b.rank);
  return first?.host;
}

/** By its memory, of which hosting runs out first. */
function sizeOf(host: Host): number {
  return Number(parseMilli(host.status?.capacity?.memory ?? '1Gi') ?? 1n) || 1;
}

function takes(host: Host, tenant: Tenant): boolean {
  const { spec, metadata, status } = host;
  const isOpen = !spec.unschedulable && !spec.lost && metadata.deletionTimestamp === undefined;
  return isOpen && isTrue(status?.conditions, 'Ready') && isFreeOf(tenant, status?.capabilities ?? {});
}

/** Whether the machine has no use of its own for the tenant's name and number. Not before it has told whose files it holds: what a tenant is made under is then known to be right. */
function isFreeOf(
  { metadata, status }: Tenant,
  capabilities: NonNullable<NonNullable<Host['status']>['capabilities']>,
): boolean {
  const { heldUids, takenNames = [], takenUids = [] } = capabilities;
  if (heldUids === undefined || takenNames.includes(metadata.name)) return false;
  return status?.uid === undefined || !takenUids.includes(status.uid);
}

const amounts = ['cpu', 'memory', 'storage'] as const;

/** Whether all limits together stay within what the host may promise. Of tenants that come at the same moment each is judged without the others. */
function hasRoom(
  host: Host,
  { tenant, effective, cache }: { readonly tenant: Tenant; readonly effective: Effective; readonly cache: Cache },
): boolean {
  const { capacity = {} } = host.spec;
  if (Object.keys(capacity).length === 0) return true;
  const others = cache
    .byIndex(tenantKind, TENANTS_BY_HOST, host.metadata.name)
    .filter(({ metadata }) => metadata.name !== tenant.metadata.name);
  if (capacity.tenants !== undefined && others.length >= capacity.tenants) return false;
  const promised = [effective, ...others.map(({ status }) => status?.effective ?? {})];
  return amounts.every((amount) => {
    const most = capacity[amount];
    return most === undefined || sumOf(promised, amount) <= (parseMilli(most) ?? 0n);
  });
}

/** Thousandths. Who is not limited counts for nothing: such a package cannot be promised. */
function sumOf(promised: readonly Effective[], amount: (typeof amounts)[number]): bigint {
  return promised.reduce((sum, { limits = {} }) => sum + (parseMilli(limits[amount] ?? 0) ?? 0n), 0n);
}
