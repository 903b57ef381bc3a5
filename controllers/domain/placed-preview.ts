import type { KubeObject } from '#schemas/meta/object.ts';
import { apiVersionOf } from '#schemas/meta/kind.ts';
import { domainKind, type Domain } from '#schemas/v1alpha1/domain.ts';
import { tenantKind } from '#schemas/v1alpha1/tenant.ts';
import type { Cache } from '#runtime/manager/cache.ts';
import { namesOf } from './names.ts';

/**
 * A Domain as it would come to its host once all of its names are bound, so that a plan for it shows what visitors would get. Whether the names can
 * be had is told by the leader's own plan. Other objects, and Domains of a tenant without a host, are returned as they are.
 */
export function placedPreview(object: KubeObject, cache: Cache): KubeObject {
  if (!isDomain(object)) return object;
  const domain = object;
  const host = domain.status?.host ?? cache.get(tenantKind, { name: domain.metadata.namespace ?? '' })?.status?.host;
  if (host === undefined || typeof domain.spec?.hostname !== 'string') return object;
  const hostnames = namesOf(domain).map(({ hostname }) => hostname);
  return { ...object, status: { ...domain.status, host, hostnames } };
}

function isDomain(object: KubeObject): object is Domain {
  return object.kind === domainKind.kind && object.apiVersion === apiVersionOf(domainKind);
}
