import { mixedHash } from '#schemas/meta/name-hash.ts';
import { isTrue } from '#schemas/meta/conditions.ts';
import { parseMilli } from '#schemas/meta/quantity.ts';
import { matchesLabels, selectorOf } from '#schemas/meta/selectors.ts';
import { hostKind, type Host } from '#schemas/v1alpha1/host.ts';
import { tenantKind, type Tenant } from '#schemas/v1alpha1/tenant.ts';
import type { Cache } from '#runtime/manager/cache.ts';
import { heldFor } from '#controllers/held-uids.ts';
import { TENANTS_BY_HOST } from '#controllers/host-rights.ts';
import type { Choices } from './choices.ts';
import type { Effective } from './inputs.ts';

/** What places are decided from. */
export interface Placing {
  readonly effective: Effective;
  readonly cache: Cache;
  readonly choices: Choices;
}

/** The name of a host that takes the tenant: what was chosen before, as long as it does, else the one where the tenant belongs, else the best. */
export function chooseHost(tenant: Tenant, before: string | undefined, placing: Placing): string | undefined {
  const { cache, choices } = placing;
  const { name } = tenant.metadata;
  const candidates = candidatesFor(tenant, placing);
  const named = (host: string | undefined): Host | undefined =>
    candidates.find(({ metadata }) => metadata.name === host);
  const { host: home } = tenant.spec.placement;
  const found = named(before ?? choices.of(name, cache)) ?? named(home) ?? best(tenant, candidates, placing);
  if (found === undefined) return undefined;
  const { name: chosen } = found.metadata;
  if (chosen !== before) choices.note(name, chosen);
  return chosen;
}

/** Hosts that would take the tenant, but the one that it is on. */
function candidatesFor(tenant: Tenant, placing: Placing): readonly Host[] {
  const selector = selectorOf(tenant.spec.placement.hostSelector);
  return placing.cache
    .list(hostKind)
    .filter(
      (host) =>
        host.metadata.name !== tenant.status?.host &&
        takes(host, tenant) &&
        matchesLabels(selector, host.metadata.labels) &&
        hasRoom(host, tenant, placing),
    );
}

/** One that has files of the tenant, else the one with the fewest tenants for its size. Where that is equal the name decides, differently for each tenant, so that many who come at once are spread. */
function best(tenant: Tenant, candidates: readonly Host[], placing: Placing): Host | undefined {
  const { name } = tenant.metadata;
  const holders = new Set(heldFor(name, placing.cache).map(({ host }) => host));
  const [first] = candidates
    .map((host) => ({
      host,
      isHolder: holders.has(host.metadata.name),
      crowding: countOn(host.metadata.name, placing) / sizeOf(host),
      rank: mixedHash(`${name} ${host.metadata.name}`),
    }))
    .toSorted((a, b) => Number(b.isHolder) - Number(a.isHolder) || a.crowding - b.crowding || a.rank - b.rank);
  return first?.host;
}

/** Who is on a host, comes there or leaves it, also by a choice that the cache does not show yet. */
function tenantsOn(host: string, { cache, choices }: Placing): readonly Tenant[] {
  const coming = choices.on(host, cache).flatMap((name) => cache.get(tenantKind, { name }) ?? []);
  return [...cache.byIndex(tenantKind, TENANTS_BY_HOST, host), ...coming];
}

function countOn(host: string, { cache, choices }: Placing): number {
  return cache.byIndex(tenantKind, TENANTS_BY_HOST, host).length + choices.on(host, cache).length;
}

/** By its memory, of which hosting runs out first. */
function sizeOf(host: Host): number {
  return Number(parseMilli(host.status?.capacity?.memory ?? '1Gi') ?? 1n) || 1;
}

function takes(host: Host, tenant: Tenant): boolean {
  const { spec, metadata, status } = host;
  const isOpen = !spec.unschedulable && !spec.drain && !spec.lost && metadata.deletionTimestamp === undefined;
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

/** Whether all limits together stay within what the host may promise. */
function hasRoom(host: Host, tenant: Tenant, placing: Placing): boolean {
  const { capacity = {} } = host.spec;
  if (Object.keys(capacity).length === 0) return true;
  const others = tenantsOn(host.metadata.name, placing).filter(
    ({ metadata }) => metadata.name !== tenant.metadata.name,
  );
  if (capacity.tenants !== undefined && others.length >= capacity.tenants) return false;
  const promised = [placing.effective, ...others.map(({ status }) => status?.effective ?? {})];
  return amounts.every((amount) => {
    const most = capacity[amount];
    return most === undefined || sumOf(promised, amount) <= (parseMilli(most) ?? 0n);
  });
}

/** Thousandths. Who is not limited counts for nothing: such a package cannot be promised. */
function sumOf(promised: readonly Effective[], amount: (typeof amounts)[number]): bigint {
  return promised.reduce((sum, { limits = {} }) => sum + (parseMilli(limits[amount] ?? 0) ?? 0n), 0n);
}
