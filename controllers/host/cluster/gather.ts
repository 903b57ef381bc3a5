import { leaseKind, secretKind } from '#schemas/meta/builtin.ts';
import { findCondition, isTrue } from '#schemas/meta/conditions.ts';
import { claimNameOf, hostLeaseOf, SYSTEM_NAMESPACE } from '#schemas/meta/names.ts';
import type { KubeObject } from '#schemas/meta/object.ts';
import type { Host } from '#schemas/v1alpha1/host.ts';
import { hostnameClaimKind } from '#schemas/v1alpha1/hostname-claim.ts';
import { retainedDataKind, type RetainedData } from '#schemas/v1alpha1/retained-data.ts';
import { tenantKind, type Tenant } from '#schemas/v1alpha1/tenant.ts';
import type { Cache } from '#runtime/manager/cache.ts';
import { TENANTS_BY_HOST, tenantsByHost } from '#controllers/host-rights.ts';
import { domainsByKeepingHost, leavingDomainsOn, retainedNameOf } from '#controllers/kept-data.ts';
import { databasesByKeepingHost, leavingDatabasesOn } from '#controllers/kept-databases.ts';
import type { Heartbeats } from './heartbeats.ts';
import type { HostClusterInputs, PanelInputs } from './inputs.ts';

const BY_HOST = 'host';

/** What is on a host, or is to be: tenants, kept data, and what leaves some. */
export const hostIndexes = [
  tenantsByHost,
  {
    kind: retainedDataKind,
    index: { name: BY_HOST, valuesOf: (kept: KubeObject) => [(kept as RetainedData).spec.host] },
  },
  domainsByKeepingHost,
  databasesByKeepingHost,
];

/** Reads whether the agent lives, and what it has to look after. */
export function gatherHostCluster(
  host: Host,
  cache: Cache,
  { heartbeats, graceMs }: { readonly heartbeats: Heartbeats; readonly graceMs: number },
): HostClusterInputs {
  const { name } = host.metadata;
  const lease = cache.get(leaseKind, { namespace: SYSTEM_NAMESPACE, name: hostLeaseOf(name) });
  const tenants = cache.byIndex(tenantKind, TENANTS_BY_HOST, name);
  return {
    ...(host.spec.drain ? { drain: drainOf(name, tenants, cache) } : {}),
    agent: lease === undefined ? 'Absent' : agentOf(heartbeats.of(lease), graceMs),
    charges: chargesOf(name, tenants, cache),
    ...(host.spec.panel === undefined ? {} : { panel: panelOf(host.spec.panel, cache) }),
  };
}

/** What is bound to a tenant stays so: a host takes nobody's name away. */
function panelOf({ hostname, tls }: NonNullable<Host['spec']['panel']>, cache: Cache): PanelInputs {
  const secret = cache.get(secretKind, { namespace: SYSTEM_NAMESPACE, name: tls.secretRef.name });
  const claim = cache.get(hostnameClaimKind, { name: claimNameOf(hostname) });
  return {
    secretVersion: secret?.metadata.resourceVersion ?? '',
    ...(isTrue(claim?.status?.conditions, 'Bound') ? { heldBy: claim?.spec.tenantRef.name ?? '' } : {}),
  };
}

function agentOf({ holder, silentMs }: ReturnType<Heartbeats['of']>, graceMs: number): HostClusterInputs['agent'] {
  if (holder === '') return 'Absent';
  return silentMs >= graceMs ? 'Silent' : 'Alive';
}

/** Why a tenant stays where it is until a person does something. */
const STUCK: ReadonlySet<string> = new Set(['DatabaseStays', 'NoHost']);

function drainOf(host: string, tenants: readonly Tenant[], cache: Cache): NonNullable<HostClusterInputs['drain']> {
  const isStuck = ({ status }: Tenant): boolean =>
    status?.host === host && STUCK.has(findCondition(status.conditions, 'Moving')?.reason ?? '');
  return {
    left: tenants.filter(({ status }) => status?.host === host || status?.formerHost === host).length,
    stuck: tenants.filter(isStuck).map(({ metadata }) => metadata.name),
    kept: cache.byIndex(retainedDataKind, BY_HOST, host).length,
  };
}

function chargesOf(host: string, tenants: readonly Tenant[], cache: Cache): HostClusterInputs['charges'] {
  const leaving = [...leavingDomainsOn(host, cache), ...leavingDatabasesOn(host, cache)].map((object) =>
    retainedNameOf(object, host),
  );
  const kept = cache.byIndex(retainedDataKind, BY_HOST, host).map(({ metadata }) => metadata.name);
  return {
    tenants: tenants.map(({ metadata }) => metadata.name).toSorted(),
    retaineddata: [...new Set([...leaving, ...kept])].toSorted(),
  };
}
