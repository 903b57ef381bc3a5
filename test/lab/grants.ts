import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseAllDocuments } from 'yaml';
import type { Client, ResourceType } from '#runtime/client/client.ts';
import { SYSTEM_NAMESPACE } from '#schemas/meta/names.ts';
import type { KubeObject } from '#schemas/meta/object.ts';
import type { Asked } from './authorizer.ts';
import { until } from './instance.ts';
import { manifests } from './packaging.ts';

/** One verb on one resource, in a role. */
export interface Right extends Pick<Asked, 'verb' | 'group' | 'resource'> {
  readonly role: string;
  /** The one object that it is about; any when empty. */
  readonly name: string;
}

/** A right that an account has. */
export interface Grant extends Right {
  /** Where; everywhere when empty. */
  readonly namespace: string;
}

interface Rule {
  readonly apiGroups: readonly string[];
  readonly resources: readonly string[];
  readonly verbs: readonly string[];
  readonly resourceNames?: readonly string[];
}

/** Every right of a role of manifests/rbac, bound in a namespace or, where that is empty, everywhere. */
export function grantsOf(
  role: Pick<KubeObject, 'kind'> & { readonly name: string },
  namespace: string,
): readonly Grant[] {
  return rulesOf(role, namespace).flatMap(({ apiGroups, resources, verbs, resourceNames = [''] }) =>
    apiGroups.flatMap((group) =>
      resources.flatMap((resource) =>
        verbs.flatMap((verb) =>
          resourceNames.map((name) => ({ role: role.name, namespace, group, resource, verb, name })),
        ),
      ),
    ),
  );
}

function rulesOf({ kind, name }: Parameters<typeof grantsOf>[0], namespace: string): readonly Rule[] {
  const found = ['controller', 'agent', 'join']
    .flatMap((file) => [...parseAllDocuments(readFileSync(join(manifests, `rbac/${file}.yaml`), 'utf8'))])
    .map((document) => document.toJS() as KubeObject & { readonly rules?: readonly Rule[] })
    .filter((object) => object.kind === kind && object.metadata.name === name)
    .find(({ metadata }) => metadata.namespace === undefined || metadata.namespace === namespace);
  if (found?.rules === undefined) throw new Error(`there is no ${kind} ${name}`);
  return found.rules;
}

/** Whether the grant answers the question with yes. */
export function allows(grant: Grant, asked: Asked): boolean {
  return (
    grant.verb === asked.verb &&
    grant.group === asked.group &&
    grant.resource === asked.resource &&
    [asked.namespace, ''].includes(grant.namespace) &&
    [asked.name, ''].includes(grant.name)
  );
}

/** `patch domains/status.hosting.wcp360.io` */
export function textOf({ verb, resource, group, name }: Pick<Right, 'verb' | 'resource' | 'group' | 'name'>): string {
  return `${verb} ${resource}${group === '' ? '' : `.${group}`}${name === '' ? '' : ` ${name}`}`;
}

/** Takes a right out of a ClusterRole; resolves, once the server goes by it, with what puts it back. */
export async function withoutRight(client: Client, account: string, right: Right): Promise<() => Promise<void>> {
  const role = await client.get(clusterRoleType, { name: right.role });
  if (role === undefined) throw new Error(`there is no ClusterRole ${right.role}`);
  const rules = role['rules'] as unknown as readonly Rule[];
  const isAbout = ({ apiGroups, resources }: Rule): boolean =>
    apiGroups.includes(right.group) && resources.includes(right.resource);
  const left = rules
    .map((rule) => (isAbout(rule) ? { ...rule, verbs: rule.verbs.filter((verb) => verb !== right.verb) } : rule))
    .filter(({ verbs }) => verbs.length > 0);
  const write = async (wanted: readonly Rule[]): Promise<void> => {
    const body = { rules: wanted };
    await client.patch(clusterRoleType, { name: right.role }, { type: 'merge', body });
    await until(async () => (await isAllowed(client, account, right)) === (wanted === rules), textOf(right));
  };
  await write(left);
  return async () => await write(rules);
}

async function isAllowed(
  client: Client,
  account: string,
  { verb, group, resource: whole, name }: Right,
): Promise<boolean> {
  const [resource = '', subresource = ''] = whole.split('/');
  const user = `system:serviceaccount:${SYSTEM_NAMESPACE}:${account}`;
  const spec = { user, resourceAttributes: { verb, group, resource, subresource, name } };
  const review = { apiVersion: 'authorization.k8s.io/v1', kind: 'SubjectAccessReview', metadata: { name: '' }, spec };
  const { status } = (await client.create(reviewType, review)) as { readonly status?: { readonly allowed?: boolean } };
  return status?.allowed === true;
}

const clusterRoleType: ResourceType = {
  group: 'rbac.authorization.k8s.io',
  version: 'v1',
  resource: 'clusterroles',
  kind: 'ClusterRole',
  namespaced: false,
};

const reviewType: ResourceType = {
  group: 'authorization.k8s.io',
  version: 'v1',
  resource: 'subjectaccessreviews',
  kind: 'SubjectAccessReview',
  namespaced: false,
};
