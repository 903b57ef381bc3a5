import { leaseKind } from '#schemas/meta/builtin.ts';
import { hostLeaseOf, SYSTEM_NAMESPACE } from '#schemas/meta/names.ts';
import type { KubeObject } from '#schemas/meta/object.ts';
import type { Host } from '#schemas/v1alpha1/host.ts';
import { retainedDataKind, type RetainedData } from '#schemas/v1alpha1/retained-data.ts';
import { tenantKind } from '#schemas/v1alpha1/tenant.ts';
import type { Cache } from '#runtime/manager/cache.ts';
import { TENANTS_BY_HOST, tenantsByHost } from '#controllers/host-rights.ts';
import { domainsByKeepingHost, leavingDomainsOn, retainedNameOf } from '#controllers/kept-data.ts';
import type { Heartbeats } from './heartbeats.ts';
import type { HostClusterInputs } from './inputs.ts';

const BY_HOST = 'host';

/** What is on a host, or is to be: tenants, kept data, and Domains that leave some. */
export const hostIndexes = [
  tenantsByHost,
  {
    kind: retainedDataKind,
    index: { name: BY_HOST, valuesOf: (kept: KubeObject) => [(kept as RetainedData).spec.host] },
  },
  domainsByKeepingHost,
];

/** Reads whether the agent lives, and what it has to look after. */
export function gatherHostCluster(
  host: Host,
  cache: Cache,
  { heartbeats, graceMs }: { readonly heartbeats: Heartbeats; readonly graceMs: number },
): HostClusterInputs {
  const { name } = host.metadata;
  const lease = cache.get(leaseKind, { namespace: SYSTEM_NAMESPACE, name: hostLeaseOf(name) });
  return {
    agent: lease === undefined ? 'Absent' : agentOf(heartbeats.of(lease), graceMs),
    charges: chargesOf(name, cache),
  };
}

function agentOf({ holder, silentMs }: ReturnType<Heartbeats['of']>, graceMs: number): HostClusterInputs['agent'] {
  if (holder === '') return 'Absent';
  return silentMs >= graceMs ? 'Silent' : 'Alive';
}

function chargesOf(host: string, cache: Cache): HostClusterInputs['charges'] {
  const leaving = leavingDomainsOn(host, cache).map(({ metadata: { namespace = '', name, uid = '' } }) =>
    retainedNameOf(namespace, name, uid),
  );
  const kept = cache.byIndex(retainedDataKind, BY_HOST, host).map(({ metadata }) => metadata.name);
  return {
    tenants: cache
      .byIndex(tenantKind, TENANTS_BY_HOST, host)
      .map(({ metadata }) => metadata.name)
      .toSorted(),
    retaineddata: [...new Set([...leaving, ...kept])].toSorted(),
  };
}
