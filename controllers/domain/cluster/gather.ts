import { secretKind } from '#schemas/meta/builtin.ts';
import { isTrue } from '#schemas/meta/conditions.ts';
import { claimNameOf } from '#schemas/meta/names.ts';
import { hostKind } from '#schemas/v1alpha1/host.ts';
import { hostnameClaimKind } from '#schemas/v1alpha1/hostname-claim.ts';
import { tenantKind, type Tenant } from '#schemas/v1alpha1/tenant.ts';
import type { Domain } from '#schemas/v1alpha1/domain.ts';
import type { Cache } from '#runtime/manager/cache.ts';
import { isPending, type Pending } from '#runtime/manager/controller.ts';
import { isGranted } from '#controllers/host-rights.ts';
import { keepingHostOf, retainedNameOf } from '#controllers/kept-data.ts';
import type { JudgeHostname } from '#controllers/parts.ts';
import { namesOf } from '#controllers/domain/names.ts';
import { secretNamesOf } from '#controllers/domain/secrets.ts';
import type { DomainClusterInputs, NameState } from './inputs.ts';

/** Reads what the leader must know: the tenant's host, the claims of all names, and the Secrets that are referred to. */
export function gatherDomainCluster(domain: Domain, cache: Cache, judge: JudgeHostname): DomainClusterInputs | Pending {
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
  const { host, nextHost } = tenant.status ?? {};
  return {
    tenant: namespace,
    ...keepingOf(domain, tenant, cache),
    names: namesOf(domain).map(({ hostname }) => nameState(hostname, namespace, cache, judge)),
    ...(host === undefined ? {} : { host }),
    ...(nextHost === undefined ? {} : { nextHost }),
    secrets: secretNamesOf(domain).map((name) => ({
      name,
      resourceVersion: cache.get(secretKind, { namespace, name })?.metadata.resourceVersion ?? '',
    })),
  };
}

type Keeping = Pick<DomainClusterInputs, 'isHostLost' | 'keeping'>;

/** On a lost host there is nothing to keep. */
function keepingOf(domain: Domain, tenant: Tenant, cache: Cache): Keeping {
  const isHostLost = cache.get(hostKind, { name: domain.status?.host ?? '' })?.spec.lost === true;
  const host = keepingHostOf(domain);
  const accountId = tenant.status?.uid;
  if (isHostLost || host === undefined || accountId === undefined) return { isHostLost };
  const { namespace = '', name, uid = '' } = domain.metadata;
  const retaineddata = retainedNameOf(namespace, name, uid);
  return { isHostLost, keeping: { host, accountId, isGranted: isGranted(host, { retaineddata }, cache) } };
}

/** Whether the Domain can be given to the tenant's host as soon as its names are bound. */
export function isPlaceable(inputs: DomainClusterInputs | Pending): boolean {
  return !isPending(inputs) && inputs.host !== undefined && inputs.names.some((name) => name.state !== 'Refused');
}

function nameState(hostname: string, tenant: string, cache: Cache, judge: JudgeHostname): NameState {
  const claim = cache.get(hostnameClaimKind, { name: claimNameOf(hostname) });
  const isOurs = claim?.spec.tenantRef.name === tenant;
  if (isOurs && isTrue(claim.status?.conditions, 'Bound')) return { hostname, state: 'Bound' };
  const objection = judge(hostname, tenant, cache);
  return objection === undefined ? { hostname, state: 'Claiming' } : { hostname, state: 'Refused', ...objection };
}
