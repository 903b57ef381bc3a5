import type { Authorizer, Decision, RequestAttributes, UserInfo } from '#runtime/apiserver/operations.ts';
import { isMaster, parseServiceAccountUserName } from '#runtime/apiserver/auth/users.ts';
import type { CachedObject, WatchCache } from '#runtime/storage/cache.ts';
import type { KubeObject } from '#schemas/meta/object.ts';
import { compiledRole, roleAllows, type CompiledRole } from './compiled-role.ts';
import { rbacCollections, roleRefOf, rulesOf, subjectsOf, type PolicyRule } from './model.ts';

/** An authorizer that can also list what a user holds: what escalation checks and SelfSubjectRulesReview ask for. */
export interface RbacAuthorizer extends Authorizer {
  /** Rules that hold for a user in a namespace (cluster-wide ones included), or cluster-wide only for the empty namespace. */
  rulesFor(user: UserInfo, namespace: string): readonly PolicyRule[];
}

const subjectIndex = 'rbac-subject';
/** Bindings by their Role, and Roles by the names of objects in their rules. */
const roleIndex = 'rbac-role';
const objectNameIndex = 'rbac-object-name';
const noDecision: Decision = { allowed: false, reason: '' };
const everything: readonly PolicyRule[] = [
  { verbs: ['*'], apiGroups: ['*'], resources: ['*'], resourceNames: [], nonResourceURLs: [] },
  { verbs: ['*'], apiGroups: [], resources: [], resourceNames: [], nonResourceURLs: ['*'] },
];

/**
 * Role-based access control over the watch cache (Kubernetes docs, "Using RBAC Authorization").
 *
 * Guarantees: a decision reads only bindings that name the user or one of its groups in the namespace asked for, whatever else there is, and of those
 * first the ones whose Roles name the object; it is as fresh as the cache; nothing is kept that a change of a role or binding could make stale, since
 * compiled rules hang on the very version of the role that the cache hands out. No rule, no access: there are no denying rules.
 */
export function createRbacAuthorizer(options: { readonly cache: WatchCache }): RbacAuthorizer {
  const { cache } = options;
  cache.defineIndex(rbacCollections.clusterRoleBindings, { name: subjectIndex, valuesOf: subjectKeys });
  cache.defineIndex(rbacCollections.roleBindings, {
    name: subjectIndex,
    valuesOf: (binding) => subjectKeys(binding).map((key) => within(binding, key)),
  });
  cache.defineIndex(rbacCollections.roleBindings, {
    name: roleIndex,
    valuesOf: (binding) => {
      const { kind, name } = roleRefOf(binding);
      return kind === 'Role' ? [within(binding, name)] : [];
    },
  });
  cache.defineIndex(rbacCollections.roles, {
    name: objectNameIndex,
    valuesOf: (role) =>
      [...new Set(rulesOf(role).flatMap(({ resourceNames }) => resourceNames))].map((name) => within(role, name)),
  });
  return {
    authorize: (attributes) => decide(cache, attributes),
    rulesFor: (user, namespace) => rulesFor(cache, user, namespace),
  };
}

function decide(cache: WatchCache, attributes: RequestAttributes): Decision {
  if (isMaster(attributes.user)) return { allowed: true, reason: '' };
  for (const held of likeliestFirst(cache, attributes)) {
    if (roleAllows(held.role, attributes)) return { allowed: true, reason: reasonOf(held) };
  }
  return noDecision;
}

/**
 * What a user holds where it asks. Roles that name the very object come before the others of a namespace: an agent has one for each Secret that it may read,
 * and finds it without a look at the others.
 */
function* likeliestFirst(cache: WatchCache, attributes: RequestAttributes): Iterable<HeldRole> {
  const { user, name } = attributes;
  const namespace = attributes.resourceRequest ? attributes.namespace : '';
  yield* heldEverywhere(cache, user);
  if (namespace === '') return;
  if (name !== '') yield* heldByName(cache, user, { namespace, name });
  yield* heldWithin(cache, user, namespace);
}

function rulesFor(cache: WatchCache, user: UserInfo, namespace: string): readonly PolicyRule[] {
  const rules: PolicyRule[] = isMaster(user) ? [...everything] : [];
  for (const held of heldRoles(cache, user, namespace)) rules.push(...held.role.rules);
  return rules;
}

/** A role that a binding gives, and by which of the user's names. */
interface HeldRole {
  readonly role: CompiledRole;
  readonly binding: CachedObject;
  readonly subject: string;
}

function* heldRoles(cache: WatchCache, user: UserInfo, namespace: string): Iterable<HeldRole> {
  yield* heldEverywhere(cache, user);
  if (namespace !== '') yield* heldWithin(cache, user, namespace);
}

function* heldEverywhere(cache: WatchCache, user: UserInfo): Iterable<HeldRole> {
  for (const subject of subjectKeysOf(user)) {
    for (const binding of cache.byIndex(rbacCollections.clusterRoleBindings, subjectIndex, subject)) {
      const role = roleOf(cache, binding, '');
      if (role !== undefined) yield { role, binding, subject };
    }
  }
}

function* heldWithin(cache: WatchCache, user: UserInfo, namespace: string): Iterable<HeldRole> {
  for (const subject of subjectKeysOf(user)) {
    for (const binding of cache.byIndex(rbacCollections.roleBindings, subjectIndex, `${namespace}\n${subject}`)) {
      const role = roleOf(cache, binding, namespace);
      if (role !== undefined) yield { role, binding, subject };
    }
  }
}

/** Of Roles that name this object. */
function* heldByName(
  cache: WatchCache,
  user: UserInfo,
  { namespace, name }: { readonly namespace: string; readonly name: string },
): Iterable<HeldRole> {
  const subjects = subjectKeysOf(user);
  for (const found of cache.byIndex(rbacCollections.roles, objectNameIndex, `${namespace}\n${name}`)) {
    for (const binding of cache.byIndex(rbacCollections.roleBindings, roleIndex, `${namespace}\n${found.name}`)) {
      const subject = subjectKeys(binding.object).find((key) => subjects.includes(key));
      if (subject !== undefined) yield { role: compiledRole(found.object), binding, subject };
    }
  }
}

function roleOf(cache: WatchCache, binding: CachedObject, namespace: string): CompiledRole | undefined {
  const ref = roleRefOf(binding.object);
  // A ClusterRoleBinding can only name a ClusterRole.
  if (ref.kind === 'Role' && namespace === '') return undefined;
  const found =
    ref.kind === 'Role'
      ? cache.get(rbacCollections.roles, namespace, ref.name)
      : cache.get(rbacCollections.clusterRoles, '', ref.name);
  return found === undefined ? undefined : compiledRole(found.object);
}

const keysByUser = new WeakMap<UserInfo, readonly string[]>();

function subjectKeysOf(user: UserInfo): readonly string[] {
  const known = keysByUser.get(user);
  if (known !== undefined) return known;
  const account = parseServiceAccountUserName(user.name);
  const keys = [
    `User\n${user.name}`,
    ...user.groups.map((group) => `Group\n${group}`),
    ...(account === undefined ? [] : [`ServiceAccount\n${account.namespace}\n${account.name}`]),
  ];
  keysByUser.set(user, keys);
  return keys;
}

/** A value of an index that stands in the namespace of an object. */
function within({ metadata }: KubeObject, value: string): string {
  return `${metadata.namespace ?? ''}\n${value}`;
}

function subjectKeys(binding: KubeObject): readonly string[] {
  return subjectsOf(binding).map((subject) => {
    if (subject.kind !== 'ServiceAccount') return `${subject.kind}\n${subject.name}`;
    // Only a RoleBinding has a namespace that an account may leave out.
    const namespace = subject.namespace === '' ? (binding.metadata.namespace ?? '') : subject.namespace;
    return `ServiceAccount\n${namespace}\n${subject.name}`;
  });
}

function reasonOf(held: HeldRole): string {
  const { object, namespace } = held.binding;
  const ref = roleRefOf(object);
  const where = namespace === '' ? object.metadata.name : `${object.metadata.name}/${namespace}`;
  const kind = namespace === '' ? 'ClusterRoleBinding' : 'RoleBinding';
  const [subjectKind = '', first = '', second] = held.subject.split('\n');
  const subject = second === undefined ? first : `${second}/${first}`;
  return `RBAC: allowed by ${kind} ${JSON.stringify(where)} of ${ref.kind} ${JSON.stringify(ref.name)} to ${subjectKind} ${JSON.stringify(subject)}`;
}
