import { randomUUID } from 'node:crypto';
import { systemClock } from '#runtime/base/clock.ts';
import { RefusedError } from '#runtime/base/errors.ts';
import { createRestMapper } from '#runtime/cli/api/rest-mapper.ts';
import { printJoinCommand } from '#runtime/cli/commands/host/join-command.ts';
import type { Client } from '#runtime/client/client.ts';
import { discover } from '#runtime/client/discovery.ts';
import { resourceTypeOf } from '#runtime/client/resource-type.ts';
import { requestCertificate } from '#runtime/cmd/certificate/request-certificate.ts';
import { newKey } from '#runtime/pki/crypto-keys.ts';
import { requestFor } from '#runtime/pki/issue.ts';
import { certificateSigningRequestKind } from '#schemas/meta/builtin.ts';
import { agentAccountOf, systemUserOf } from '#schemas/meta/names.ts';
import type { KubeObject } from '#schemas/meta/object.ts';
import { eventually } from '#test/lab/widgets.ts';
import type { Attack } from './attack.ts';
import { soon, type ApiGround } from './ground.ts';

type JoinAttack = Attack<ApiGround>;

const requestType = resourceTypeOf(certificateSigningRequestKind);
const collection = '/apis/certificates.k8s.io/v1/certificatesigningrequests';
const { signal } = new AbortController();

/** Whoever holds the command that makes a machine this host. */
async function holderOf({ admin, bearer }: ApiGround, host: string): Promise<Client> {
  let printed = '';
  const io = {
    out: (text: string) => {
      printed += text;
    },
    err: () => undefined,
  };
  const session = {
    io,
    client: () => Promise.resolve(admin),
    cluster: () => Promise.resolve({ server: 'https://api.test', certificateAuthority: undefined }),
    mapper: async () => createRestMapper(await discover(admin, signal)),
  };
  await printJoinCommand(session as unknown as Parameters<typeof printJoinCommand>[0], host, { ttl: '15m' });
  return bearer(/--token (\S+)/.exec(printed)?.[1]);
}

/** The certificate that a host gets; `undefined` when it is refused. */
async function certificateFor(client: Client, hostName: string): Promise<string | undefined> {
  const wish = { client, hostName, key: newKey(), seconds: 600, circumstance: '', clock: systemClock, signal };
  try {
    return await requestCertificate(wish);
  } catch (err) {
    if (err instanceof RefusedError) return undefined;
    throw err;
  }
}

interface Asking {
  readonly commonName: string;
  /** Sends the request. */
  readonly ask: (request: KubeObject) => Promise<unknown>;
  readonly afterwards?: (name: string) => Promise<unknown>;
}

interface Judged {
  readonly certificate?: string;
  readonly conditions?: readonly { readonly type: string }[];
}

/** What is issued for a name to who asks for it; nothing when that is refused, or nobody issues anything. */
async function issued({ admin }: ApiGround, { commonName, ask, afterwards }: Asking): Promise<string | undefined> {
  const name = `attack-${randomUUID()}`;
  const spec = {
    request: btoa(await requestFor(commonName, newKey())),
    signerName: 'kubernetes.io/kube-apiserver-client',
    usages: ['digital signature', 'client auth'],
    expirationSeconds: 600,
  };
  await ask({ apiVersion: 'certificates.k8s.io/v1', kind: 'CertificateSigningRequest', metadata: { name }, spec });
  await afterwards?.(name);
  const verdict = await soon(async () => {
    const { certificate, conditions = [] } = ((await admin.get(requestType, { name }))?.['status'] ?? {}) as Judged;
    return certificate ?? (conditions.some(({ type }) => type === 'Denied') ? 'Denied' : undefined);
  });
  return verdict === 'Denied' ? undefined : verdict;
}

/** Sends a request as the agent of a host, whom the server knows by its certificate. */
function asAgent({ admin }: ApiGround, host: string): Asking['ask'] {
  return async (request) => {
    const headers = { 'content-type': 'application/json', 'impersonate-user': systemUserOf(agentAccountOf(host)) };
    // The leader gives the agent of a new host its rights in a moment.
    await eventually(async () => {
      const { status } = await admin.raw('POST', collection, { headers, body: JSON.stringify(request) });
      return status === 201 ? status : undefined;
    }, `the agent of ${host} to ask`);
  };
}

/** Attacks by machines that may become a host, or are one. */
export const joinAttacks: readonly JoinAttack[] = [
  {
    name: 'a machine asks with the command of one host to be another',
    against: ['a join token is for its host'],
    run: async (ground) => {
      await holderOf(ground, 'web2');
      return await certificateFor(await holderOf(ground, 'web1'), 'web2');
    },
  },
  {
    name: 'a second machine uses the command of the first',
    against: ['a join token is good for one certificate'],
    run: async (ground) => {
      const holder = await holderOf(ground, 'web3');
      if ((await certificateFor(holder, 'web3')) === undefined) throw new Error('the first machine did not join');
      return await certificateFor(holder, 'web3');
    },
  },
  {
    name: 'the agent of a host asks to be another',
    against: ['an agent asks for itself'],
    run: async (ground) => {
      for (const host of ['web4', 'web5']) await holderOf(ground, host);
      return await issued(ground, {
        commonName: systemUserOf(agentAccountOf('web4')),
        ask: asAgent(ground, 'web5'),
      });
    },
  },
  {
    name: 'a machine asks to be the controller',
    against: ['machines become hosts and nothing else'],
    run: async (ground) => {
      const holder = await holderOf(ground, 'web6');
      const ask = async (request: KubeObject): Promise<unknown> => await holder.create(requestType, request);
      return await issued(ground, { commonName: systemUserOf('controller'), ask });
    },
  },
  {
    name: 'a machine approves what it asks for',
    against: ['a join token is good for asking only', 'to approve is a right for each signer'],
    run: async (ground) => {
      const holder = await holderOf(ground, 'web7');
      const conditions = [{ type: 'Approved', status: 'True', reason: 'Me', message: 'I say so.' }];
      const afterwards = async (name: string): Promise<unknown> =>
        await holder.raw('PATCH', `${collection}/${name}/approval`, {
          headers: { 'content-type': 'application/merge-patch+json' },
          body: JSON.stringify({ status: { conditions } }),
        });
      const ask = async (request: KubeObject): Promise<unknown> => await holder.create(requestType, request);
      // Of a host that may yet be declared, so that nobody has said anything of it.
      return await issued(ground, { commonName: systemUserOf(agentAccountOf('nowhere')), ask, afterwards });
    },
  },
];
