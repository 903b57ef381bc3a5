import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { request } from 'node:https';
import { join } from 'node:path';
import { PassThrough, Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { ApiError } from '#runtime/base/errors.ts';
import type { Client } from '#runtime/client/client.ts';
import { requestToken } from '#runtime/client/request-token.ts';
import { commandIn, runRemote } from '#runtime/streams/run-remote.ts';
import { STREAMS, streamPath } from '#schemas/meta/streams.ts';
import type { InstanceGround } from '#test/lab/instance-ground.ts';
import { until } from '#test/lab/instance.ts';
import { declare } from '#test/lab/tenants.ts';
import { agentOfWeb2 } from './agent.ts';
import type { Attack } from './attack.ts';
import { canary, php, type Tenant } from './ground.ts';

const attachMs = 60_000;

/** What a program in a site writes; `undefined` when it may not be run or does not do well. */
async function said(client: Client, namespace: Tenant, command: readonly string[]): Promise<string | undefined> {
  const stdout = new PassThrough();
  const answer = text(stdout);
  const run = { ...commandIn({ namespace, name: 'files' }, command), stdout, stderr: new PassThrough().resume() };
  const exitCode = await runRemote(client, { ...run, signal: new AbortController().signal })
    .catch((err: unknown) => {
      if (err instanceof ApiError && err.status === 403) return -1;
      throw err;
    })
    .finally(() => stdout.end());
  return exitCode === 0 ? await answer : undefined;
}

/** The agent is attached: what fails from now on does for another reason. */
async function attached({ owners }: InstanceGround): Promise<void> {
  const isOpen = async (): Promise<boolean> => (await said(owners.alpha, 'alpha', ['true'])) !== undefined;
  await until(isOpen, 'streams', attachMs);
}

/** An account of beta that may look at everything of streams, and do nothing. */
async function readerOf({ admin, bearer }: InstanceGround): Promise<Client> {
  const metadata = { name: 'reader', namespace: 'beta' };
  const apiVersion = 'rbac.authorization.k8s.io/v1';
  const rules = [{ apiGroups: [STREAMS.group], resources: ['*'], verbs: ['get'] }];
  const type = (group: string, version: string, resource: string, kind: string) =>
    ({ group, version, resource, kind, namespaced: true }) as const;
  await declare(admin, type('', 'v1', 'serviceaccounts', 'ServiceAccount'), {
    apiVersion: 'v1',
    kind: 'ServiceAccount',
    metadata,
  });
  const rbac = 'rbac.authorization.k8s.io';
  await declare(admin, type(rbac, 'v1', 'roles', 'Role'), { apiVersion, kind: 'Role', metadata, rules });
  await declare(admin, type(rbac, 'v1', 'rolebindings', 'RoleBinding'), {
    ...{ apiVersion, kind: 'RoleBinding', metadata },
    roleRef: { apiGroup: rbac, kind: 'Role', name: 'reader' },
    subjects: [{ kind: 'ServiceAccount', ...metadata }],
  });
  return bearer((await requestToken(admin, metadata, { expirationSeconds: 600 })).token);
}

/** What the API server answers to the instance's agent when it attaches as another host. */
async function attachAs({ directory, ports }: InstanceGround, host: string): Promise<string | undefined> {
  const [ca, cert, key] = await Promise.all(
    ['ca.crt', 'agent.crt', 'agent.key'].map((name) => readFile(join(directory, 'pki', name))),
  );
  const path = streamPath({ resource: 'hosts', subresource: 'attach', namespace: '', name: host });
  const headers = { connection: 'Upgrade', upgrade: STREAMS.tunnelProtocol };
  const outgoing = request({ host: '127.0.0.1', port: ports.api, method: 'POST', path, headers, ca, cert, key }).end();
  const answer = await Promise.race([
    once(outgoing, 'upgrade').then(() => 'a tunnel'),
    once(outgoing, 'response').then(() => undefined),
  ]);
  outgoing.destroy();
  return answer;
}

/** What PHP of alpha reads of a log of beta where it asks the gateway itself, as whom it likes. */
async function askedPastServer(ground: InstanceGround): Promise<string | undefined> {
  const path = streamPath({ resource: 'domains', subresource: 'log', namespace: 'beta', name: 'files' });
  const lines = [`GET ${path} HTTP/1.0`, 'X-Remote-User: admin', 'X-Remote-Group: system:masters', '', ''];
  const answer = await php(
    ground,
    'alpha',
    `$context = stream_context_create(['ssl' => ['verify_peer' => false, 'verify_peer_name' => false]]);
    $gateway = stream_socket_client('ssl://127.0.0.1:${ground.ports.stream}', $code, $words, 3, STREAM_CLIENT_CONNECT, $context);
    if ($gateway) { fwrite($gateway, base64_decode('${btoa(lines.join('\r\n'))}')); stream_set_timeout($gateway, 3); }
    echo json_encode($gateway ? stream_get_contents($gateway) : null);`,
  );
  return typeof answer === 'string' && answer.includes(' 200 ') ? answer : undefined;
}

/** The list of beta's files, as a host asks for it that beta moves to; `undefined` when that is forbidden. */
async function listedBy(client: Client): Promise<string | undefined> {
  const operation = { subresource: 'proxy', operation: 'files' } as const;
  const path = streamPath({ resource: 'domains', ...operation, namespace: 'beta', name: 'files' });
  try {
    return await text(Readable.from(client.stream(path)));
  } catch (err) {
    if (err instanceof ApiError && err.status === 403) return undefined;
    throw err;
  }
}

/** Attacks on the ways by which logs and shells are reached. */
export const streamAttacks: readonly Attack<InstanceGround>[] = [
  {
    name: 'a copy leads through a link to a file of another tenant',
    against: ['a sandbox shows the tenant’s own tree only', 'directories of a domain are closed to others'],
    run: async (ground) => {
      await attached(ground);
      await ground.link('alpha', 'domains/files/public/link', `${ground.root}/tenants/beta/domains/files/public`);
      const archive = await said(ground.owners.alpha, 'alpha', [
        'tar',
        '-cf',
        '-',
        '-C',
        'public/link',
        '--',
        'secret.txt',
      ]);
      return archive?.includes(canary) === true ? archive : undefined;
    },
  },
  {
    name: 'an owner runs a program in a site of another tenant',
    against: ['owners have their rights in their own namespace'],
    run: async (ground) => {
      await attached(ground);
      return await said(ground.owners.alpha, 'beta', ['id']);
    },
  },
  {
    name: 'who may only look runs a program, since a WebSocket begins like a look',
    against: ['the gateway asks whether somebody may'],
    run: async (ground) => {
      await attached(ground);
      return await said(await readerOf(ground), 'beta', ['id']);
    },
  },
  {
    name: 'an agent takes the place of another host’s',
    against: ['an agent attaches as its own host only'],
    run: async (ground) => {
      await attached(ground);
      return await attachAs(ground, 'other');
    },
  },
  {
    name: 'an agent asks for the files of a tenant that does not move to its host',
    against: ['files are for the host that a tenant moves to'],
    run: async (ground) => {
      await attached(ground);
      return await listedBy(await agentOfWeb2(ground));
    },
  },
  {
    name: 'PHP asks the gateway past the API server, as an administrator',
    against: ['the gateway believes the front proxy only'],
    run: async (ground) => {
      await attached(ground);
      return await askedPastServer(ground);
    },
  },
];
