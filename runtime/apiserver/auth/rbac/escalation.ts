import { freshObject } from '#runtime/apiserver/auth/fresh-object.ts';
import { quotedList, userPhrase } from '#runtime/apiserver/auth/forbidden.ts';
import { isMaster } from '#runtime/apiserver/auth/users.ts';
import { fault, forbidden, invalid, notFound, shown } from '#runtime/apiserver/http/api-errors.ts';
import type { AdmissionPlugin, AdmissionRequest } from '#runtime/apiserver/operations.ts';
import type { ApiError } from '#runtime/base/errors.ts';
import { isEqual } from '#runtime/base/json.ts';
import type { WatchCache } from '#runtime/storage/cache.ts';
import type { KubeObject } from '#schemas/meta/object.ts';
import type { RbacAuthorizer } from './authorizer.ts';
import { coverage } from './coverage.ts';
import { aggregationSelectorsOf, rbacGroup, roleRefOf, rulesOf, subjectsOf, type PolicyRule } from './model.ts';

/** What an aggregated ClusterRole may come to grant: whoever labels a role decides. */
const fullAuthority: readonly PolicyRule[] = [
  { verbs: ['*'], apiGroups: ['*'], resources: ['*'], resourceNames: [], nonResourceURLs: [] },
  { verbs: ['*'], apiGroups: [], resources: [], resourceNames: [], nonResourceURLs: ['*'] },
];

/**
 * Nobody grants what they lack (Kubernetes docs, "Privilege escalation prevention and bootstrapping").
 *
 * | written | passes when |
 * | --- | --- |
 * | rules of a Role or ClusterRole | the author holds them all (a Role: in its namespace), or the verb `escalate` on that role |
 * | a ClusterRole with, or so far with, an aggregationRule | the author holds everything, or `escalate` |
 * | subjects of a binding | the author holds the rules of the role that it names, or the verb `bind` on that role |
 * | roleRef of an existing binding | never (422) |
 *
 * A write that leaves rules, subjects and roleRef as they are is not looked at; `system:masters` passes always.
 */
export function createEscalationPlugin(options: {
  readonly cache: WatchCache;
  readonly authorizer: RbacAuthorizer;
}): AdmissionPlugin {
  return {
    name: 'RbacEscalation',
    validate: async (request) => {
      const { resource, object } = request;
      if (resource.group !== rbacGroup || object === undefined || request.subresource !== '') return;
      if (resource.resource === 'roles' || resource.resource === 'clusterroles') {
        checkRole(options.authorizer, request, object);
      } else if (resource.resource === 'rolebindings' || resource.resource === 'clusterrolebindings') {
        await checkBinding(options, request, object);
      }
    },
  };
}

function checkRole(authorizer: RbacAuthorizer, request: AdmissionRequest, role: KubeObject): void {
  const { oldObject, user } = request;
  if (oldObject !== undefined && isSameRole(oldObject, role)) return;
  if (isMaster(user) || holdsVerb(authorizer, request, { verb: 'escalate', resource: request.resource.resource }))
    return;
  const held = authorizer.rulesFor(user, request.namespace);
  const aggregated =
    aggregationSelectorsOf(role) ?? (oldObject === undefined ? undefined : aggregationSelectorsOf(oldObject));
  if (aggregated !== undefined && !coverage(held, fullAuthority).covered) {
    throw forbidden(request.resource, request.name, 'only who holds every right may use aggregationRule');
  }
  refuseEscalation(request, held, rulesOf(role));
}

function isSameRole(oldRole: KubeObject, role: KubeObject): boolean {
  return isEqual(rulesOf(oldRole), rulesOf(role)) && isEqual(oldRole['aggregationRule'], role['aggregationRule']);
}

async function checkBinding(
  options: { readonly cache: WatchCache; readonly authorizer: RbacAuthorizer },
  request: AdmissionRequest,
  binding: KubeObject,
): Promise<void> {
  const { oldObject, user, namespace } = request;
  const ref = roleRefOf(binding);
  if (oldObject !== undefined) {
    if (!isEqual(roleRefOf(oldObject), ref)) throw immutableRoleRef(request, binding);
    if (isEqual(subjectsOf(oldObject), subjectsOf(binding))) return;
  }
  const resource = ref.kind === 'Role' ? 'roles' : 'clusterroles';
  const { authorizer, cache } = options;
  if (isMaster(user) || holdsVerb(authorizer, request, { verb: 'bind', resource, name: ref.name })) return;
  const where = ref.kind === 'Role' ? namespace : '';
  const role = await freshObject(cache, { collection: `${rbacGroup}/${resource}`, namespace: where, name: ref.name });
  // A role that is not there could be made later by somebody else with any rules: only `bind` allows naming it.
  if (role === undefined) {
    throw notFound({ group: rbacGroup, resource, kind: ref.kind }, ref.name);
  }
  refuseEscalation(request, authorizer.rulesFor(user, namespace), rulesOf(role));
}

function holdsVerb(
  authorizer: RbacAuthorizer,
  request: AdmissionRequest,
  right: { readonly verb: 'escalate' | 'bind'; readonly resource: string; readonly name?: string },
): boolean {
  return authorizer.authorize({
    user: request.user,
    verb: right.verb,
    resourceRequest: true,
    group: rbacGroup,
    version: '*',
    resource: right.resource,
    subresource: '',
    namespace: request.namespace,
    name: right.name ?? request.name,
    path: '',
  }).allowed;
}

function refuseEscalation(request: AdmissionRequest, held: readonly PolicyRule[], wanted: readonly PolicyRule[]): void {
  const found = coverage(held, wanted);
  if (found.covered) return;
  const lines = found.missing.map(ruleText);
  if (!found.complete) lines.push('(and more)');
  const why = `${userPhrase(request.user)} is attempting to grant RBAC permissions not currently held:\n${lines.join('\n')}`;
  throw forbidden(request.resource, request.name, why);
}

/** `{APIGroups:["apps"], Resources:["deployments"], Verbs:["get" "list"]}` */
export function ruleText(rule: PolicyRule): string {
  const fields: readonly (readonly [string, readonly string[]])[] = [
    ['APIGroups', rule.apiGroups],
    ['Resources', rule.resources],
    ['NonResourceURLs', rule.nonResourceURLs],
    ['ResourceNames', rule.resourceNames],
    ['Verbs', rule.verbs],
  ];
  const texts = fields
    .filter(([, values]) => values.length > 0)
    .map(([name, values]) => `${name}:${quotedList(values)}`);
  return `{${texts.join(', ')}}`;
}

function immutableRoleRef(request: AdmissionRequest, binding: KubeObject): ApiError {
  const why = `Invalid value: ${shown(binding['roleRef'])}: cannot change roleRef`;
  return invalid(request.resource, request.name, [fault('roleRef', 'FieldValueInvalid', why)]);
}
