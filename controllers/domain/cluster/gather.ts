import { secretKind } from '#schemas/meta/builtin.ts';
import { hostKind } from '#schemas/v1alpha1/host.ts';
import { tenantKind, type Tenant } from '#schemas/v1alpha1/tenant.ts';
import type { Domain } from '#schemas/v1alpha1/domain.ts';
import type { Cache } from '#runtime/manager/cache.ts';
import type { Pending } from '#runtime/manager/controller.ts';
import { nameState, type NameState } from '#controllers/claimed-name.ts';
import { isGranted } from '#controllers/host-rights.ts';
import { expiryOf, keepingHostsOf, retainedNameOf } from '#controllers/kept-data.ts';
import { hostsOf, whereaboutsOf } from '#controllers/whereabouts.ts';
import type { ClusterParts } from '#controllers/parts.ts';
import { namesOf } from '#controllers/domain/names.ts';
import { previewHostnameOf } from '#controllers/domain/preview.ts';
import { secretNamesOf } from '#controllers/domain/secrets.ts';
import { caaRecordsOf } from './caa.ts';
import { dnsOf, noDns } from './dns.ts';
import type { DomainClusterInputs } from './inputs.ts';
import { gatherTls } from './tls.ts';
import { tlsaRecordsOf } from './tlsa.ts';

/** What of the parts tells about names. */
export type DomainParts = Pick<ClusterParts<never>, 'judgeHostname' | 'ancestorsOf' | 'previewDomain'>;

/** Reads what the leader must know: the tenant's host, the claims of all names, and the Secrets that are referred to. */
export function gatherDomainCluster(
  domain: Domain,
  cache: Cache,
  { judgeHostname: judge, ancestorsOf, previewDomain }: DomainParts,
): DomainClusterInputs | Pending {
  const { namespace = '' } = domain.metadata;
  const tenant = cache.get(tenantKind, { name: namespace });
  if (tenant === undefined) {
    return {
      pending: {
        reason: 'NamespaceWithoutTenant',
        message: `There is no Tenant ${namespace}; make one, or move the Domain.`,
      },
    };
  }
  const around = { cache, ancestorsOf };
  const names = namesOf(domain).map(({ hostname }) => nameState(hostname, namespace, cache, judge));
  const dns = dnsOf(domain, { names, host: tenant.status?.host, cache, judge, ancestorsOf });
  const tls = gatherTls(domain, names, { ...around, newZone: dns.newZone });
  const certified = [...caaRecordsOf(domain, tls?.order, around), ...tlsaRecordsOf(domain, tls, around)];
  const secrets = [...secretNamesOf(domain), ...(tls === undefined ? [] : [tls.secretName])];
  const lostHosts = hostsOf(domain.status).filter((name) => cache.get(hostKind, { name })?.spec.lost === true);
  return {
    tenant: namespace,
    names,
    ...previewOf(domain, names, previewDomain),
    ...(tls === undefined ? {} : { tls }),
    place: whereaboutsOf(tenant.status),
    lostHosts,
    keepings: keepingHostsOf(domain)
      .filter((host) => !lostHosts.includes(host))
      .flatMap((host) => keepingOn(host, { domain, tenant, cache })),
    dns: dns === noDns ? dns : { ...dns, records: [...dns.records, ...certified] },
    secrets: [...new Set(secrets)].map((name) => ({
      name,
      resourceVersion: cache.get(secretKind, { namespace, name })?.metadata.resourceVersion ?? '',
    })),
  };
}

/** A site whose names are all refused has no preview either: nothing will come of it. */
function previewOf(
  domain: Domain,
  names: readonly NameState[],
  previewDomain: string,
): Pick<DomainClusterInputs, 'previewHostname'> {
  const isMeant = previewDomain !== '' && names.some(({ challenge }) => challenge !== undefined);
  return isMeant ? { previewHostname: previewHostnameOf(domain, previewDomain) } : {};
}

function keepingOn(
  host: string,
  { domain, tenant, cache }: { readonly domain: Domain; readonly tenant: Tenant; readonly cache: Cache },
): DomainClusterInputs['keepings'] {
  const { uid: accountId, movedAt } = tenant.status ?? {};
  if (accountId === undefined) return [];
  const expiresAt = expiryOf(domain, host, movedAt);
  return [
    {
      host,
      accountId,
      ...(expiresAt === undefined ? {} : { expiresAt }),
      isGranted: isGranted(host, { retaineddata: retainedNameOf(domain, host) }, cache),
    },
  ];
}
