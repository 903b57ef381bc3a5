import { ApiError } from '#runtime/base/errors.ts';
import type { Client, ResourceType } from '#runtime/client/client.ts';
import { requestToken } from '#runtime/client/request-token.ts';
import { resourceTypeOf } from '#runtime/client/resource-type.ts';
import { hostKind, retainedDataKind, tenantKind } from '#schemas/index.ts';
import { apiVersionOf } from '#schemas/meta/kind.ts';
import { agentAccountOf, SYSTEM_NAMESPACE } from '#schemas/meta/names.ts';
import type { KubeObject } from '#schemas/meta/object.ts';
import { eventually } from '#test/lab/widgets.ts';
import type { Attack } from './attack.ts';
import type { ApiGround } from './ground.ts';

type AgentAttack = Attack<ApiGround>;

const hostType = resourceTypeOf(hostKind);
const tenantType = resourceTypeOf(tenantKind);
const keptType = resourceTypeOf(retainedDataKind);
const accountType = { group: '', version: 'v1', resource: 'serviceaccounts', kind: 'ServiceAccount', namespaced: true };
const apiVersion = apiVersionOf(hostKind);

/** Whoever is root on host web2, where no tenant is, with all that its agent may. */
export async function agentOfWeb2({ admin, bearer }: Pick<ApiGround, 'admin' | 'bearer'>): Promise<Client> {
  const manager = { fieldManager: 'lab', force: true };
  const account = { name: agentAccountOf('web2'), namespace: SYSTEM_NAMESPACE };
  const host: KubeObject = { apiVersion, kind: hostKind.kind, metadata: { name: 'web2' }, spec: {} };
  await admin.apply(hostType, host, manager);
  await admin.apply(accountType, { apiVersion: 'v1', kind: accountType.kind, metadata: account }, manager);
  const { token } = await requestToken(admin, account, { expirationSeconds: 3600 });
  const agent = bearer(token);
  const mayRead = (): Promise<boolean> =>
    agent.list(tenantType).then(
      () => true,
      () => false,
    );
  await eventually(mayRead, 'the rights of the agent');
  return agent;
}

/** What the server answers when it does what it is asked; `undefined` when that is forbidden. */
async function unlessForbidden(asked: Promise<KubeObject>): Promise<string | undefined> {
  try {
    return JSON.stringify(await asked);
  } catch (err) {
    if (err instanceof ApiError && err.status === 403) return undefined;
    throw err;
  }
}

/** It says something in the status of what is not its own. */
function speaking(name: string, type: ResourceType, about: string, status: object): AgentAttack {
  return {
    name,
    against: ['roles of hosts name what they are about'],
    run: async (ground) => {
      const agent = await agentOfWeb2(ground);
      const patch = { type: 'merge', body: { status } } as const;
      return await unlessForbidden(agent.patch(type, { name: about }, patch, { subresource: 'status' }));
    },
  };
}

/** Attacks of a machine that serves, on what others serve. */
export const agentAttacks: readonly AgentAttack[] = [
  speaking('an agent places a tenant of another host with itself', tenantType, 'beta', { host: 'web2' }),
  speaking('an agent speaks for another host', hostType, 'web1', { root: '/' }),
  {
    name: 'an agent makes kept data of another host, which that purges once it is deleted',
    against: ['kept data is the leader’s to make'],
    run: async (ground) => {
      const agent = await agentOfWeb2(ground);
      const objectRef = { kind: 'Domain', namespace: 'beta', name: 'shop' };
      const spec = {
        objectRef,
        tenantRef: { name: 'beta' },
        host: 'web1',
        path: 'kept/domain/beta/shop/1',
        userId: 20_000,
      };
      const forged: KubeObject = { apiVersion, kind: retainedDataKind.kind, metadata: { name: 'forged' }, spec };
      return await unlessForbidden(agent.create(keptType, forged));
    },
  },
];
