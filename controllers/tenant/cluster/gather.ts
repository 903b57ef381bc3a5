import { namespaceKind, resourceQuotaKind, roleBindingKind } from '#schemas/meta/builtin.ts';
import { LABELS } from '#schemas/meta/names.ts';
import { domainKind } from '#schemas/v1alpha1/domain.ts';
import { databaseKind } from '#schemas/v1alpha1/database.ts';
import { databaseUserKind } from '#schemas/v1alpha1/database-user.ts';
import { zoneKind } from '#schemas/v1alpha1/zone.ts';
import type { KindDefinition } from '#schemas/meta/kind.ts';
import { packageKind, type Package } from '#schemas/v1alpha1/package.ts';
import type { Tenant } from '#schemas/v1alpha1/tenant.ts';
import type { Cache } from '#runtime/manager/cache.ts';
import { isPending, isRefused, type Pending, type Refused } from '#runtime/manager/controller.ts';
import type { Choices } from './choices.ts';
import { effectiveOf } from './effective.ts';
import { TENANT_QUOTA, type Effective, type TenantClusterInputs } from './inputs.ts';
import { exceededLimit, parentsOf } from './parent.ts';
import { lastPlaceOf, placementOf } from './placement.ts';
import { suspensionOf } from './suspension.ts';
import { uidOf } from './uids.ts';

/** Reads what a Tenant's namespace, user id, limits and place follow from. A tenant that is being deleted asks for none of what may be missing. */
export function gatherTenantCluster(
  tenant: Tenant,
  cache: Cache,
  choices: Choices,
): TenantClusterInputs | Pending | Refused {
  if (tenant.metadata.deletionTimestamp !== undefined) return leavingInputs(tenant, cache, choices);
  const namespace = namespaceOf(tenant, cache);
  if (isRefused(namespace)) return namespace;
  const pack = packageOf(tenant, cache);
  if (isPending(pack)) return pack;
  const parents = parentsOf(tenant, cache);
  if (isPending(parents) || isRefused(parents)) return parents;
  const effective = effectiveOf(tenant, pack, suspensionOf(tenant, parents));
  const overdrawn = overdrawnParent(tenant, effective, parents[0], cache);
  if (overdrawn !== undefined) return overdrawn;
  const uid = uidOf(tenant, cache);
  if (isPending(uid)) return uid;
  return { ...namespace, effective, uid, ...placementOf(tenant, { effective, cache, choices }) };
}

function overdrawnParent(
  tenant: Tenant,
  effective: Effective,
  parent: Tenant | undefined,
  cache: Cache,
): Refused | undefined {
  const exceeded = parent === undefined ? undefined : exceededLimit(tenant, effective.limits ?? {}, parent, cache);
  if (parent === undefined || exceeded === undefined) return undefined;
  const message = `Reseller ${parent.metadata.name} has given away all of its ${exceeded}; lower a limit, or raise the reseller’s.`;
  return { refused: { reason: 'ParentLimitExceeded', message } };
}

function leavingInputs(tenant: Tenant, cache: Cache, choices: Choices): TenantClusterInputs {
  const { effective = {} } = tenant.status ?? {};
  const uid = uidOf(tenant, cache);
  return {
    ...occupationOf(tenant, cache),
    effective,
    uid: isPending(uid) ? { number: 0, isClaimed: false } : uid,
    ...lastPlaceOf(tenant, { effective, cache, choices }),
  };
}

type Occupation = Pick<
  TenantClusterInputs,
  'isNamespaceInUse' | 'isNamespaceTerminating' | 'hasAgentBinding' | 'isQuotaCounted'
>;

/** Whether the namespace may be had: a namespace that somebody else made is adopted only when an administrator labelled it. */
function namespaceOf(tenant: Tenant, cache: Cache): Occupation | Refused {
  const { name } = tenant.metadata;
  const namespace = cache.get(namespaceKind, { name });
  if (namespace !== undefined && namespace.metadata.labels?.[LABELS.tenant] !== name) {
    const message = `Namespace ${name} exists already; label it ${LABELS.tenant}=${name} to give it to the tenant.`;
    return { refused: { reason: 'NamespaceTaken', message } };
  }
  return occupationOf(tenant, cache);
}

/** As long as one of them is there, an agent needs its rights in the namespace. */
export const SERVED_BY_AGENTS: readonly KindDefinition[] = [databaseKind, databaseUserKind, domainKind, zoneKind];

function occupationOf(tenant: Tenant, cache: Cache): Occupation {
  const { name } = tenant.metadata;
  const namespace = cache.get(namespaceKind, { name });
  const isNamespaceTerminating = namespace?.metadata.deletionTimestamp !== undefined;
  const isLeaving = isNamespaceTerminating || tenant.metadata.deletionTimestamp !== undefined;
  // Only asked when it matters: the list of a large namespace is not made for each of its changes.
  const hasAgentBinding = cache.get(roleBindingKind, { namespace: name, name: 'wcp360-agent' }) !== undefined;
  return {
    isNamespaceTerminating,
    hasAgentBinding,
    isQuotaCounted: isQuotaCounted(name, cache),
    isNamespaceInUse: !isLeaving || SERVED_BY_AGENTS.some((kind) => cache.list<KindDefinition>(kind, name).length > 0),
  };
}

/** Before its status knows a count, a server refuses whatever would be counted. Without a quota there is nothing to count. */
function isQuotaCounted(namespace: string, cache: Cache): boolean {
  const quota = cache.get(resourceQuotaKind, { namespace, name: TENANT_QUOTA }) as Quota | undefined;
  const counted = quota?.status?.used ?? {};
  return Object.keys(quota?.spec.hard ?? {}).every((count) => counted[count] !== undefined);
}

interface Quota {
  readonly spec: { readonly hard?: Readonly<Record<string, string>> };
  readonly status?: { readonly used?: Readonly<Record<string, string>> };
}

function packageOf(tenant: Tenant, cache: Cache): Package | Pending {
  const name = tenant.spec.packageRef?.name;
  if (name !== undefined) {
    const named = cache.get(packageKind, { name });
    return named ?? { pending: { reason: 'PackageNotFound', message: `There is no Package ${name}.` } };
  }
  const [oldest] = cache
    .list(packageKind)
    .filter((pack) => pack.spec.isDefault)
    .toSorted((a, b) => compareTexts(ageOf(a), ageOf(b)));
  return (
    oldest ?? {
      pending: { reason: 'NoDefaultPackage', message: 'Name a package, or make one the default (spec.isDefault).' },
    }
  );
}

function ageOf(pack: Package): string {
  return `${pack.metadata.creationTimestamp ?? ''} ${pack.metadata.name}`;
}

function compareTexts(a: string, b: string): number {
  return a < b ? -1 : Number(a > b);
}
