import { completeRule, type PolicyRule } from '#runtime/apiserver/auth/rbac/model.ts';
import type { RequestAttributes, UserInfo } from '#runtime/apiserver/operations.ts';
import { ApiError } from '#runtime/base/errors.ts';
import type { KubeObject } from '#schemas/meta/object.ts';
import { openWorld, rbac, type World } from './memory-operations.ts';

export const user = (name: string, ...groups: string[]): UserInfo => ({
  name,
  groups: [...groups, 'system:authenticated'],
});
export const jane = user('jane');
export const master = user('root', 'system:masters');

export async function withWorld(test: (world: World) => Promise<void>): Promise<void> {
  const world = await openWorld();
  try {
    await test(world);
  } finally {
    await world.close();
  }
}

export function request(by: UserInfo, parts: Partial<RequestAttributes>): RequestAttributes {
  const isPath = parts.path !== undefined;
  return {
    user: by,
    verb: 'get',
    resourceRequest: !isPath,
    group: '',
    version: 'v1',
    resource: '',
    subresource: '',
    namespace: '',
    name: '',
    path: '',
    ...parts,
  };
}

export const clusterRole = (name: string, rules: readonly object[], extra: object = {}): KubeObject => ({
  apiVersion: `${rbac}/v1`,
  kind: 'ClusterRole',
  metadata: { name },
  rules,
  ...extra,
});
export const role = (namespace: string, name: string, rules: readonly object[]): KubeObject => ({
  apiVersion: `${rbac}/v1`,
  kind: 'Role',
  metadata: { name, namespace },
  rules,
});
export const subjects = (...names: string[]): readonly object[] =>
  names.map((name) => {
    const [kind = 'User', first = '', second] = name
      .split('=')
      .flatMap((part, index) => (index === 0 ? [part] : part.split('/')));
    return second === undefined ? { kind, name: first } : { kind, namespace: first, name: second };
  });
export const binding = (where: string, name: string, to: string, who: readonly object[]): KubeObject => ({
  apiVersion: `${rbac}/v1`,
  kind: where === '' ? 'ClusterRoleBinding' : 'RoleBinding',
  metadata: { name, ...(where === '' ? {} : { namespace: where }) },
  subjects: who,
  roleRef: { apiGroup: rbac, kind: to.split('=')[0], name: to.split('=')[1] },
});
export const rule = (parts: Partial<PolicyRule>): PolicyRule => completeRule(parts);

export async function refusal(promise: Promise<unknown>): Promise<ApiError> {
  try {
    await promise;
  } catch (err) {
    if (err instanceof ApiError) return err;
    throw err;
  }
  throw new Error('it was allowed');
}
