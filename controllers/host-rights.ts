import { clusterRoleKind } from '#schemas/meta/builtin.ts';
import type { KubeObject } from '#schemas/meta/object.ts';
import { tenantKind, type Tenant } from '#schemas/v1alpha1/tenant.ts';
import type { Cache } from '#runtime/manager/cache.ts';
import { hostsOf } from './whereabouts.ts';

// What the agent of a host may write: its own host, the tenants that are placed there, and what the host keeps of deleted objects. The leader keeps a role
// for each host that names them, and nothing is given to a host before the role says so.

/** Objects without a namespace that an agent writes, by the plural of their kind. */
export interface HostCharges {
  readonly tenants: readonly string[];
  readonly retaineddata: readonly string[];
}

interface Rule {
  readonly apiGroups: readonly string[];
  readonly resources: readonly string[];
  readonly verbs: readonly string[];
  readonly resourceNames?: readonly string[];
}

/** Tenants by the host that they are on, go to, or have left something on. */
export const TENANTS_BY_HOST = 'host';

export const tenantsByHost = {
  kind: tenantKind,
  index: { name: TENANTS_BY_HOST, valuesOf: (tenant: KubeObject) => hostsOf((tenant as Tenant).status) },
};

const roleOf = 'wcp360-host:';

/** The ClusterRole of a host, and what binds it to the host's agent. */
export function hostRoleOf(host: string): string {
  return `${roleOf}${host}`;
}

/** The host whose role has this name; `undefined` when it is no host's. */
export function hostOfRole(name: string): string | undefined {
  return name.startsWith(roleOf) ? name.slice(roleOf.length) : undefined;
}

/** Whether the role of a host lets its agent write this object. */
export function isGranted(
  host: string,
  to: { readonly [Plural in keyof HostCharges]?: string },
  cache: Cache,
): boolean {
  const named = namesIn(cache.get(clusterRoleKind, { name: hostRoleOf(host) }));
  return Object.entries(to).every(([plural, name]) => named.get(plural)?.has(name) === true);
}

const known = new WeakMap<KubeObject, ReadonlyMap<string, ReadonlySet<string>>>();

/** Plural → names; worked out once for each version of a role. */
function namesIn(role: KubeObject | undefined): ReadonlyMap<string, ReadonlySet<string>> {
  if (role === undefined) return new Map();
  let names = known.get(role);
  if (names === undefined) {
    const rules = (role as { readonly rules?: readonly Rule[] }).rules ?? [];
    names = new Map(
      rules.flatMap(({ resources, resourceNames = [] }) =>
        resources.map((resource) => [resource, new Set(resourceNames)] as const),
      ),
    );
    known.set(role, names);
  }
  return names;
}
