import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { chmodSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Client, ResourceType } from '#runtime/client/client.ts';
import { mountPoint } from '#runtime/cmd/instance/layout.ts';
import { agentAccountOf, SYSTEM_NAMESPACE } from '#schemas/meta/names.ts';
import { parse, stringify } from 'yaml';
import type { LabInstance } from './instance.ts';
import { memoryDirectory } from './memory-directory.ts';
import { startTcpProxy, type TcpProxy } from './tcp-proxy.ts';
import { tenantFiles, type TenantFiles } from './tenant-files.ts';
import { visit, type Visit } from './visit.ts';

/** A machine of its own as far as a host has one: network, mounts and processes; its agent reaches the API server by one cable. */
export interface HostMachine extends TenantFiles {
  readonly name: string;
  /** Where visitors reach it. */
  readonly address: string;
  /** Its root, as the test sees it. */
  readonly directory: string;
  readonly kubeconfig: string;
  /** What its agents said. */
  log(): string;
  http(hostname: string, path?: string): Promise<Visit>;
  /** Starts the agent (anew). */
  start(options?: { readonly nodeFlags?: readonly string[] }): void;
  /** The agent alone: the daemons go on. */
  kill(signal: NodeJS.Signals): void;
  /** Between the agent and the API server nothing goes through any more, and nobody is told; visitors are not concerned. */
  cutOff(): void;
  reconnect(): void;
  /** Everything at once, for good. */
  destroy(): Promise<void>;
}

const wcpd = (instance: LabInstance): string => join(instance.directory, 'lib/programs/wcpd.mjs');
const accountType: ResourceType = {
  group: '',
  version: 'v1',
  resource: 'serviceaccounts',
  kind: 'ServiceAccount',
  namespaced: true,
};
const ip = (...args: readonly string[]): void =>
  void execFileSync('/usr/sbin/ip', args, { stdio: ['ignore', 'ignore', 'pipe'] });
let machines = 0;

/** A machine on which nothing runs yet. `name` is the Host's. */
export async function openHostMachine(instance: LabInstance, client: Client, name: string): Promise<HostMachine> {
  const number = (machines += 1);
  // One of many test processes of this machine, and one of its hosts.
  const network = `wcp${process.pid}-${number}`;
  const cable = `w${process.pid}-${number}`;
  const [ours, theirs] = addressesOf(number);
  ip('netns', 'add', network);
  ip('link', 'add', cable, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', network);
  ip('address', 'add', `${ours}/30`, 'dev', cable);
  ip('link', 'set', cable, 'up');
  for (const [device, address] of [
    ['lo', undefined],
    ['eth0', `${theirs}/30`],
  ] as const) {
    if (address !== undefined) ip('-n', network, 'address', 'add', address, 'dev', device);
    ip('-n', network, 'link', 'set', device, 'up');
  }
  const proxy = await startTcpProxy(instance.ports.api, { host: ours });
  const directory = mkdtempSync(join(await memoryDirectory(), 'wcp360-host-'));
  chmodSync(directory, 0o711);
  const kubeconfig = join(directory, 'agent.kubeconfig');
  writeFileSync(kubeconfig, await kubeconfigOf(instance, client, { name, server: `https://${ours}:${proxy.port}` }), {
    mode: 0o600,
  });
  return openMachine({ name, network, directory, address: theirs, proxy, kubeconfig, program: wcpd(instance) });
}

/** Two addresses of a network of four that no other process of this machine has. */
function addressesOf(number: number): readonly [string, string] {
  const network = ((process.pid % 4096) * 16 + (number % 16)) * 4;
  const text = (last: number): string =>
    `10.${(network >> 16) & 255}.${(network >> 8) & 255}.${(network & 255) + last}`;
  return [text(1), text(2)];
}

/** The agent's account by a token, at the end of its cable. */
async function kubeconfigOf(
  instance: LabInstance,
  client: Client,
  { name, server }: { readonly name: string; readonly server: string },
): Promise<string> {
  const account = agentAccountOf(name);
  const key = { name: account, namespace: SYSTEM_NAMESPACE };
  await client.apply(
    accountType,
    { apiVersion: 'v1', kind: 'ServiceAccount', metadata: key },
    { fieldManager: 'lab', force: true },
  );
  const path = `/api/v1/namespaces/${SYSTEM_NAMESPACE}/serviceaccounts/${account}/token`;
  const request = { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', spec: { expirationSeconds: 36_000 } };
  const answer = await client.raw('POST', path, {
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(request),
  });
  const { status } = JSON.parse(answer.body) as { readonly status: { readonly token: string } };
  const admin = parse(readFileSync(instance.kubeconfig, 'utf8')) as {
    readonly clusters: readonly { readonly cluster: Readonly<Record<string, unknown>> }[];
  };
  const cluster = { ...admin.clusters[0]?.cluster, server, 'tls-server-name': 'localhost' };
  return stringify({
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'lab', cluster }],
    users: [{ name: account, user: { token: status.token } }],
    contexts: [{ name: 'lab', context: { cluster: 'lab', user: account } }],
    'current-context': 'lab',
  });
}

interface Opened {
  readonly name: string;
  readonly network: string;
  readonly directory: string;
  readonly address: string;
  readonly proxy: TcpProxy;
  readonly kubeconfig: string;
  readonly program: string;
}

function openMachine(opened: Opened): HostMachine {
  const { name, network, directory, address, proxy, kubeconfig } = opened;
  const logPath = join(directory, 'agent.log');
  let agent: ChildProcess | undefined;
  return {
    name,
    address,
    directory,
    kubeconfig,
    ...tenantFiles(directory),
    log: () => readFileSync(logPath, 'utf8'),
    http: (hostname, path) => visit(80, hostname, path, { host: address }),
    start: ({ nodeFlags = [] } = {}) => {
      const log = openSync(logPath, 'a');
      agent = spawn('/usr/sbin/ip', ['netns', 'exec', network, ...commandOf(opened, nodeFlags)], {
        cwd: '/',
        stdio: ['ignore', log, log],
        env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', NODE_ENV: 'production' },
      });
    },
    kill: (signal) => void agent?.kill(signal),
    cutOff: () => proxy.freeze(),
    reconnect: () => proxy.open(),
    destroy: async () => {
      for (const pid of processesIn(network)) process.kill(pid, 'SIGKILL');
      await proxy.close();
      ip('netns', 'delete', network);
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

/** Every step of it becomes the next one, so that a signal to the first process reaches the agent. */
function commandOf({ directory, name, program }: Opened, nodeFlags: readonly string[]): readonly string[] {
  const start = fileURLToPath(new URL('machine/start-host.ts', import.meta.url));
  return [
    ...['/usr/bin/unshare', '--mount', '--propagation', 'private', '--', process.execPath, start, directory],
    ...[process.execPath, '--disable-warning=DEP0123', ...nodeFlags, program, 'agent'],
    ...['--kubeconfig', `${mountPoint}/agent.kubeconfig`, '--host-name', name, '--root', mountPoint],
    ...['--service-manager', 'supervised', '--front-addresses', '0.0.0.0'],
  ];
}

function processesIn(network: string): readonly number[] {
  const text = execFileSync('/usr/sbin/ip', ['netns', 'pids', network], { encoding: 'utf8' });
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map(Number);
}
