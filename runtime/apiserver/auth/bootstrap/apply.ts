import { coverage } from '#runtime/apiserver/auth/rbac/coverage.ts';
import { aggregationSelectorsOf, roleRefOf, rulesOf, subjectsOf } from '#runtime/apiserver/auth/rbac/model.ts';
import type { Operations, ResourceInfo } from '#runtime/apiserver/operations.ts';
import { ApiError, required } from '#runtime/base/errors.ts';
import { isEqual } from '#runtime/base/json.ts';
import type { KubeObject } from '#schemas/meta/object.ts';
import { autoupdateAnnotation, bootstrapPolicy } from './policy.ts';

/** Namespaces that are there from the first start; `kube-system`'s uid serves tools as the id of the cluster. */
export const bootstrapNamespaces = ['default', 'kube-system', 'kube-public'] as const;

/**
 * Makes the namespaces, roles and bindings that every cluster has.
 *
 * Guarantees: what is missing is created; of what is there only missing rules, subjects, labels and annotations are added, so that people's additions stay;
 * a role or binding annotated `autoupdate: "false"` is left alone; may be repeated and run by several servers at once; a second run writes nothing.
 */
export async function applyBootstrapObjects(operations: Operations): Promise<void> {
  for (const name of bootstrapNamespaces) await applyNamespace(operations, name);
  for (const object of bootstrapPolicy()) await applyOne(operations, object);
}

async function applyNamespace(operations: Operations, name: string): Promise<void> {
  const resource = required(operations.resource('', 'namespaces'), 'the resource namespaces');
  const object = { apiVersion: 'v1', kind: 'Namespace', metadata: { name } };
  if (!(await isThere(operations, resource, name))) await createOrAccept(operations, resource, object);
}

async function applyOne(operations: Operations, wanted: KubeObject): Promise<void> {
  const plural = wanted.kind === 'ClusterRole' ? 'clusterroles' : 'clusterrolebindings';
  const resource = required(operations.resource('rbac.authorization.k8s.io', plural), `the resource ${plural}`);
  const key = { namespace: '', name: wanted.metadata.name };
  let hasOtherRole = false;
  const live = await operations.mutate(resource, key, (found) => {
    hasOtherRole = wanted.kind === 'ClusterRoleBinding' && isOurs(found) && !hasSameRole(found, wanted);
    return hasOtherRole || !isOurs(found) ? undefined : completed(found, wanted);
  });
  if (live === undefined) await createOrAccept(operations, resource, wanted);
  else if (hasOtherRole) {
    // A roleRef cannot be changed: the binding is made anew, as kube-apiserver does.
    await operations.delete(resource, key, {});
    await createOrAccept(operations, resource, wanted);
  }
}

async function isThere(operations: Operations, resource: ResourceInfo, name: string): Promise<boolean> {
  let seen = false;
  await operations.mutate(resource, { namespace: '', name }, () => {
    seen = true;
    return undefined;
  });
  return seen;
}

/** Another server may start at the same moment; whose write was first does not matter. */
async function createOrAccept(operations: Operations, resource: ResourceInfo, object: KubeObject): Promise<void> {
  try {
    await operations.create(resource, object);
  } catch (err) {
    if (!(err instanceof ApiError) || err.reason !== 'AlreadyExists') throw err;
  }
}

function isOurs(live: KubeObject): boolean {
  return live.metadata.annotations?.[autoupdateAnnotation] !== 'false' && live.metadata.deletionTimestamp === undefined;
}

function hasSameRole(live: KubeObject, wanted: KubeObject): boolean {
  return isEqual(roleRefOf(live), roleRefOf(wanted));
}

/** The live object with what it lacks; `undefined` when it lacks nothing. Pure. */
function completed(live: KubeObject, wanted: KubeObject): KubeObject | undefined {
  const next: KubeObject = {
    ...live,
    metadata: {
      ...live.metadata,
      labels: { ...wanted.metadata.labels, ...live.metadata.labels },
      annotations: { ...wanted.metadata.annotations, ...live.metadata.annotations },
    },
    ...(wanted.kind === 'ClusterRole' ? roleParts(live, wanted) : bindingParts(live, wanted)),
  };
  return isEqual(next, live) ? undefined : next;
}

function roleParts(live: KubeObject, wanted: KubeObject): Readonly<Record<string, unknown>> {
  if (aggregationSelectorsOf(wanted) !== undefined) {
    return { aggregationRule: live['aggregationRule'] ?? wanted['aggregationRule'] };
  }
  const held = rulesOf(live);
  const missing = rulesOf(wanted).filter((rule) => !coverage(held, [rule]).covered);
  if (missing.length === 0) return {};
  const wantedRules = wanted['rules'] as readonly unknown[];
  const liveRules = Array.isArray(live['rules']) ? (live['rules'] as readonly unknown[]) : [];
  const indexes = rulesOf(wanted).flatMap((rule, index) =>
    missing.some((lacking) => isEqual(lacking, rule)) ? [index] : [],
  );
  return { rules: [...liveRules, ...indexes.map((index) => wantedRules[index])] };
}

function bindingParts(live: KubeObject, wanted: KubeObject): Readonly<Record<string, unknown>> {
  const known = subjectsOf(live);
  const missing = (wanted['subjects'] as readonly unknown[]).filter(
    (_subject, index) => !known.some((subject) => isEqual(subject, subjectsOf(wanted)[index])),
  );
  if (missing.length === 0) return {};
  const subjects = Array.isArray(live['subjects']) ? (live['subjects'] as readonly unknown[]) : [];
  return { subjects: [...subjects, ...missing] };
}
