import { spawn, type ChildProcess } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { rmSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { KindDefinition } from '#schemas/meta/kind.ts';
import { startEtcd } from './etcd.ts';
import { freePort } from './free-port.ts';
import { kubernetesDirectory, type KubernetesProgram } from './kubernetes-programs.ts';
import { connectLab, type LabApi } from './lab-api.ts';
import { memoryDirectory } from './memory-directory.ts';
import { createLabAuthority, type Identity, type LabAuthority } from './pki.ts';
import { installKind, labClient } from './widgets.ts';

/** What finalizes namespaces, collects garbage, counts quotas, makes accounts, joins roles and signs certificates; nothing here runs a pod. */
const controllers = [
  'certificatesigningrequest-cleaner-controller',
  'certificatesigningrequest-signing-controller',
  'clusterrole-aggregation-controller',
  'garbage-collector-controller',
  'namespace-controller',
  'resourcequota-controller',
  'root-ca-certificate-publisher-controller',
  'serviceaccount-controller',
];
const startTimeoutMs = 60_000;
const pollMs = 50;

/** A real Kubernetes control plane of the test's own: etcd, kube-apiserver, kube-controller-manager, data in memory, free ports on loopback. */
export interface LabKubernetes extends LabApi {
  /** Ends everything and removes its data. */
  stop(): Promise<void>;
}

export interface KubernetesOptions {
  /** For the API server, on top of its own and instead of them. */
  readonly flags?: Readonly<Record<string, string>>;
  /** There before the controller manager is, which looks for kinds to count at its start, and then every half minute only: a tenant with limits waits for that. */
  readonly kinds?: readonly KindDefinition[];
}

/** Starts one and resolves when it is ready and its default namespace has an account. Rejects where no programs are at hand: ask `kubernetesDirectory` first. */
export async function startKubernetes({ flags = {}, kinds = [] }: KubernetesOptions = {}): Promise<LabKubernetes> {
  const programs = kubernetesDirectory();
  if (programs === undefined) throw new Error('there is no Kubernetes here; hack/kubernetes.ts builds one');
  const directory = await mkdtemp(join(await memoryDirectory(), 'wcp360-kubernetes-'));
  const children: ChildProcess[] = [];
  const onExit = (): void => {
    for (const child of children) child.kill('SIGKILL');
    rmSync(directory, { recursive: true, force: true });
  };
  process.on('exit', onExit);
  const start = (name: KubernetesProgram, flags: Readonly<Record<string, string>>): void => {
    const argv = Object.entries(flags).map(([flag, value]) => `--${flag}=${value}`);
    children.push(spawn(join(programs, name), argv, { stdio: 'ignore' }));
  };
  const etcd = await startEtcd({ program: join(programs, 'etcd') });
  const authority = await createLabAuthority('kubernetes-lab');
  const admin = await authority.client('admin', ['system:masters']);
  const port = await freePort();
  const api = await connectLab({ url: `https://127.0.0.1:${port}`, authority, admin, directory });
  start('kube-apiserver', { ...(await apiServerFlags({ directory, authority, port, etcd: etcd.endpoint })), ...flags });
  await untilReady(api);
  if (kinds.length > 0) await serveKinds(api, kinds);
  await placeIn(directory)('ca.key', authority.key);
  start('kube-controller-manager', await managerFlags(directory, api));
  await untilThere(api, '/api/v1/namespaces/default/serviceaccounts/default');
  return {
    ...api,
    stop: async () => {
      process.off('exit', onExit);
      // They wait for watches that are open, and there is nothing to save.
      for (const child of children) child.kill('SIGKILL');
      api.close();
      await etcd.stop();
      await rm(directory, { recursive: true, force: true });
    },
  };
}

interface ServerOptions {
  readonly directory: string;
  readonly authority: LabAuthority;
  readonly port: number;
  readonly etcd: string;
}

/** Flags of a kube-apiserver whose files go into `directory`. */
export async function apiServerFlags({
  directory,
  authority,
  port,
  etcd,
}: ServerOptions): Promise<Readonly<Record<string, string>>> {
  const place = placeIn(directory);
  const own = await authority.server(['kubernetes.default.svc']);
  const proxy = await authority.client('front-proxy-client');
  const keys = generateKeyPairSync('ec', {
    namedCurve: 'P-256',
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  });
  const ca = await place('ca.crt', authority.ca);
  return {
    'etcd-servers': etcd,
    'bind-address': '127.0.0.1',
    'secure-port': String(port),
    'tls-cert-file': await place('server.crt', own.cert),
    'tls-private-key-file': await place('server.key', own.key),
    'client-ca-file': ca,
    'authorization-mode': 'RBAC',
    'enable-admission-plugins': 'OwnerReferencesPermissionEnforcement',
    'service-account-issuer': 'https://kubernetes.default.svc',
    'service-account-key-file': await place('service-account.pub', keys.publicKey),
    'service-account-signing-key-file': await place('service-account.key', keys.privateKey),
    'service-cluster-ip-range': '10.0.0.0/24',
    'allow-privileged': 'true',
    ...proxyFlags({ ca, cert: await place('proxy.crt', proxy.cert), key: await place('proxy.key', proxy.key) }),
  };
}

/** How the server shows itself, and who asks, to the servers that it aggregates. */
function proxyFlags(files: Readonly<Record<'ca' | 'cert' | 'key', string>>): Readonly<Record<string, string>> {
  return {
    'proxy-client-cert-file': files.cert,
    'proxy-client-key-file': files.key,
    'requestheader-client-ca-file': files.ca,
    'requestheader-allowed-names': 'front-proxy-client',
    'requestheader-username-headers': 'X-Remote-User',
    'requestheader-group-headers': 'X-Remote-Group',
    'requestheader-extra-headers-prefix': 'X-Remote-Extra-',
  };
}

async function managerFlags(directory: string, api: LabApi): Promise<Readonly<Record<string, string>>> {
  return {
    kubeconfig: api.kubeconfig,
    controllers: controllers.join(','),
    'use-service-account-credentials': 'true',
    'service-account-private-key-file': join(directory, 'service-account.key'),
    'root-ca-file': join(directory, 'ca.crt'),
    'cluster-signing-cert-file': join(directory, 'ca.crt'),
    'cluster-signing-key-file': join(directory, 'ca.key'),
    'bind-address': '127.0.0.1',
    'secure-port': String(await freePort()),
    'leader-elect': 'false',
    // What is counted and collected is seen at once rather than within minutes.
    'resource-quota-sync-period': '10s',
    'namespace-sync-period': '10s',
  };
}

function placeIn(directory: string) {
  return async (name: string, text: string | Identity['cert']): Promise<string> => {
    const path = join(directory, name);
    await writeFile(path, text, { mode: 0o600 });
    return path;
  };
}

async function serveKinds(api: LabApi, kinds: readonly KindDefinition[]): Promise<void> {
  const { client } = await labClient(api);
  await Promise.all(kinds.map((kind) => installKind(client, kind)));
  await client.close();
}

async function untilReady(api: LabApi): Promise<void> {
  await until(async () => (await api.request('GET', '/readyz')).status === 200, '/readyz');
}

async function untilThere(api: LabApi, path: string): Promise<void> {
  await until(async () => (await api.request('GET', path)).status === 200, path);
}

async function until(look: () => Promise<boolean>, what: string): Promise<void> {
  for (const end = performance.now() + startTimeoutMs; performance.now() < end; await delay(pollMs)) {
    if (await look().catch(() => false)) return;
  }
  throw new Error(`Kubernetes did not start: waited in vain for ${what}`);
}
