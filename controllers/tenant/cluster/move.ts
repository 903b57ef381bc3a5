import { findCondition, isTrue } from '#schemas/meta/conditions.ts';
import { FINALIZERS } from '#schemas/meta/names.ts';
import { databaseKind, type Database } from '#schemas/v1alpha1/database.ts';
import { domainKind, type Domain } from '#schemas/v1alpha1/domain.ts';
import { tenantKind, type Tenant } from '#schemas/v1alpha1/tenant.ts';
import type { Cache } from '#runtime/manager/cache.ts';
import { isGranted, TENANTS_BY_HOST } from '#controllers/host-rights.ts';
import { chooseHost, type Placing } from './choose-host.ts';
import { isHostDrained, isHostLost, isHostSilent } from './host-state.ts';
import type { Move, Place } from './inputs.ts';

/** Tenants that a host sends away at once: each is copied through one tunnel, and the disks have other work. */
export const MOVES_AT_ONCE = 4;

type Going = Pick<Place, 'host' | 'nextHost' | 'moving' | 'formerHost' | 'move'>;

/**
 * The next step of the way of a placed tenant to another host. The first line that fits holds.
 *
 * | now                | seen                                             | next                                   |
 * | –                  | it belongs on its host                           | –                                      |
 * | –                  | a Database of it is on its host                  | –: that does not move                  |
 * | –                  | it belongs elsewhere, and a host takes it        | that one is chosen                     |
 * | any                | the chosen host is lost                          | –                                      |
 * | chosen             | it belongs on its host                           | –                                      |
 * | chosen             | the agent there may write the tenant             | Copying                                |
 * | Undoing            | nothing is left there                            | –                                      |
 * | any other          | it belongs on its host, or a Database is there   | Undoing                                |
 * | Stilling, LastCopy | the agent there is silent, or could not copy     | Copying: nobody stays read-only for it |
 * | Copying            | all Domains are copied, and none is read-only    | Stilling                               |
 * | Stilling           | all Domains are read-only                        | LastCopy                               |
 * | LastCopy           | the next host would serve tenant and all Domains | it is the host, and the host a former  |
 */
export function moveOf(tenant: Tenant, host: string, placing: Placing): Partial<Going> {
  const { nextHost } = tenant.status ?? {};
  if (nextHost === undefined || nextHost === host) return beginning(tenant, host, placing);
  return isHostLost(nextHost, placing.cache) ? {} : goingOn(tenant, { host, nextHost }, placing.cache);
}

function goingOn(tenant: Tenant, way: Pick<Way, 'host' | 'nextHost'>, cache: Cache): Partial<Going> {
  const { host, nextHost } = way;
  const moving = tenant.status?.moving;
  const isWanted =
    stayingDatabase(tenant, host, cache) === undefined && (belongsOn(tenant, nextHost) || isHostDrained(host, cache));
  if (moving === undefined) return isWanted ? chosen(tenant, nextHost, cache) : {};
  if (isWanted && moving !== 'Undoing') return onTheWay(tenant, { ...way, moving }, cache);
  const isOver = moving === 'Undoing' && isLetGo(tenant, FINALIZERS.nextHost);
  return isOver ? {} : { nextHost, moving: 'Undoing' };
}

function belongsOn({ spec }: Tenant, host: string): boolean {
  return spec.placement.host === host;
}

function chosen(tenant: Tenant, nextHost: string, cache: Cache): Partial<Going> {
  const isReady = isGranted(nextHost, { tenants: tenant.metadata.name }, cache);
  return { nextHost, ...(isReady ? { moving: 'Copying' } : {}) };
}

function isLetGo({ metadata }: Tenant, finalizer: string): boolean {
  return metadata.finalizers?.includes(finalizer) !== true;
}

/** The host that the tenant was moved from, while something of it is left there. */
export function formerHostOf(tenant: Tenant, cache: Cache): string | undefined {
  const { formerHost } = tenant.status ?? {};
  const isOver = isLetGo(tenant, FINALIZERS.formerHost);
  return formerHost === undefined || isOver || isHostLost(formerHost, cache) ? undefined : formerHost;
}

function beginning(tenant: Tenant, host: string, placing: Placing): Partial<Going> {
  const { cache, choices } = placing;
  const { host: home } = tenant.spec.placement;
  const isDrained = isHostDrained(host, cache);
  if (!isDrained && (home === undefined || home === host)) {
    choices.forget(tenant.metadata.name);
    return {};
  }
  const staying = stayingDatabase(tenant, host, cache);
  if (staying === undefined) return leaving(tenant, host, placing);
  choices.forget(tenant.metadata.name);
  const message = `Database ${staying.metadata.name} is on host ${host} and does not move: dump what it holds, and delete it first.`;
  return { move: { reason: 'DatabaseStays', message } };
}

/** The first step, of one that nothing holds where it is. */
function leaving(tenant: Tenant, host: string, placing: Placing): Partial<Going> {
  const { cache } = placing;
  const { host: home } = tenant.spec.placement;
  const isDrained = isHostDrained(host, cache);
  const movers = cache.byIndex(tenantKind, TENANTS_BY_HOST, host).filter((other) => isMover(other, tenant, placing));
  if (movers.length >= MOVES_AT_ONCE) {
    return { move: { reason: 'Queued', message: `${movers.length} other tenants are being moved from host ${host}.` } };
  }
  const found = chooseHost(tenant, undefined, placing);
  if (found !== undefined && (isDrained || found === home)) return { nextHost: found };
  const message = isDrained
    ? `Host ${host} is to be emptied, and no other one takes this tenant at the moment.`
    : `Host ${home ?? ''} does not take this tenant at the moment.`;
  return { move: { reason: 'NoHost', message } };
}

/** A Database on the host, whose data does not follow its tenant. */
function stayingDatabase({ metadata: { name } }: Tenant, host: string, cache: Cache): Database | undefined {
  return cache.list(databaseKind, name).find(({ status }) => status?.host === host);
}

function isMover({ metadata: { name }, status }: Tenant, but: Tenant, { cache, choices }: Placing): boolean {
  return name !== but.metadata.name && (status?.nextHost !== undefined || choices.of(name, cache) !== undefined);
}

interface Way {
  readonly host: string;
  readonly nextHost: string;
  readonly moving: 'Copying' | 'Stilling' | 'LastCopy';
}

function onTheWay(tenant: Tenant, way: Way, cache: Cache): Partial<Going> {
  const { nextHost, moving } = way;
  const domains = domainsOn(tenant, way.host, cache);
  const hasFailed = domains.some(({ status }) => arrivalOf(status)?.reason === 'CopyFailed');
  if (moving !== 'Copying' && (hasFailed || isHostSilent(nextHost, cache))) return { nextHost, moving: 'Copying' };
  const waiting = domains.filter(({ status }) => status?.moving !== moving || !isDone[moving](status));
  const isTenantReady = isTrue(tenant.status?.conditions, 'NextHostReady');
  if (waiting.length > 0 || !isTenantReady)
    return { nextHost, moving, move: waitingFor(waiting, domains.length, isTenantReady) };
  switch (moving) {
    case 'Copying':
      return { nextHost, moving: 'Stilling' };
    case 'Stilling':
      return { nextHost, moving: 'LastCopy' };
    case 'LastCopy':
      return { host: nextHost, formerHost: way.host };
  }
}

type Status = Domain['status'];

/** When a Domain is done with what is under way. */
const isDone: Readonly<Record<Way['moving'], (status: Status) => boolean>> = {
  Copying: (status) => arrivalOf(status)?.reason === 'Copied' && status?.readOnly !== true,
  Stilling: (status) => status?.readOnly === true,
  LastCopy: (status) => isTrue(status?.conditions, 'NextHostReady'),
};

function arrivalOf(status: Status) {
  return findCondition(status?.conditions, 'NextHostReady');
}

/** What is to be moved: Domains that are there and stay. One that is being deleted goes where it is. */
function domainsOn({ metadata }: Tenant, host: string, cache: Cache): readonly Domain[] {
  return cache
    .list(domainKind, metadata.name)
    .filter((domain) => domain.status?.host === host && domain.metadata.deletionTimestamp === undefined);
}

function waitingFor(waiting: readonly Domain[], all: number, isTenantReady: boolean): Move {
  const [first] = waiting;
  const counted = `${all - waiting.length} of ${all} Domains are there`;
  if (first === undefined || !isTenantReady) {
    return { reason: 'Waiting', message: `${counted}; the next host makes the tenant’s account and directories.` };
  }
  const said = arrivalOf(first.status)?.message;
  return { reason: 'Waiting', message: `${counted}; ${first.metadata.name}: ${said ?? 'nothing is heard yet.'}` };
}
