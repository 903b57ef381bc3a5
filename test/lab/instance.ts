import { execFileSync } from 'node:child_process';
import { cp, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { mountPoint } from '#runtime/cmd/instance/layout.ts';
import { createClient } from '#runtime/client/https-client.ts';
import type { Client } from '#runtime/client/client.ts';
import { loadKubeconfig } from '#runtime/client/kubeconfig.ts';
import { kinds } from '#schemas/index.ts';
import { isAlive, type ProcessIdentity } from '#runtime/host/local/supervisor/process-table.ts';
import { builtPrograms } from './built-programs.ts';
import { freePort } from './free-port.ts';
import { startKubernetes, type LabKubernetes } from './kubernetes.ts';
import { memoryDirectory } from './memory-directory.ts';
import { run, type Ended } from './run.ts';
import { tenantFiles, type TenantFiles } from './tenant-files.ts';
import { testServer } from './test-servers.ts';
import { visit, type Visit, type VisitOptions } from './visit.ts';
import { patienceMs } from './patience.ts';

export interface RunOptions {
  readonly input?: string;
  readonly kubeconfig?: string;
  readonly cwd?: string;
}

/** A whole instance of the test's own, made of the bundled programs as `hack/up` starts them. */
export interface LabInstance extends TenantFiles {
  readonly directory: string;
  readonly ports: Ports;
  readonly kubeconfig: string;
  /** Never rejects for a bad exit code. */
  wcpctl(argv: readonly string[], options?: RunOptions): Promise<Ended>;
  /** `wcpd up` once more; settles when it has ended. */
  up(flags?: readonly string[]): Promise<Ended>;
  down(): Promise<Ended>;
  /** Asks the front for a name. Rejects when nobody listens or the connection breaks. */
  http(hostname: string, path?: string, options?: VisitOptions): Promise<Visit>;
  /** The administrator's client, or that of another kubeconfig; closed with the instance. */
  client(kubeconfig?: string): Promise<Client>;
  /** By name: supervisor, etcd, server, controller, agent, nginx and the php-… masters that run at this moment. */
  services(): Promise<ReadonlyMap<string, ProcessIdentity>>;
  /** Stops everything and removes it. Rejects when a process, mount or namespace of it is left. */
  stop(): Promise<void>;
}

interface Ports {
  /** Of the API server, whose ever it is. */
  readonly api: number;
  readonly http: number;
  readonly etcdClient: number;
  readonly etcdPeer: number;
  readonly stream: number;
  readonly dns: number;
  readonly dnsApi: number;
  /** Only with `https`. */
  readonly https: number;
  readonly authority: readonly number[];
}

export interface InstanceOptions {
  /** Sites are served over HTTPS, too, with certificates of a CA of the instance. */
  readonly https?: boolean;
  /** Flags for `wcpd up` on top of directory and ports. */
  readonly flags?: readonly string[];
  /** An empty directory to use; a fresh one in memory otherwise. */
  readonly directory?: string;
  /** The server to use, which is stopped with the instance; one of the kind that this process tests otherwise. */
  readonly kubernetes?: LabKubernetes;
}

/** Bundles the programs if no test of these sources did, prepares a directory and resolves when the instance runs. */
export async function startInstance(options: InstanceOptions = {}): Promise<LabInstance> {
  const programs = await builtPrograms();
  const directory = options.directory ?? (await mkdtemp(join(await memoryDirectory(), 'wcp360-e2e-')));
  await cp(programs, join(directory, 'lib'), { recursive: true });
  const ports: Ports = {
    api: await freePort(),
    http: await freePort(),
    etcdClient: await freePort(),
    etcdPeer: await freePort(),
    stream: await freePort(),
    dns: await freePort(),
    dnsApi: await freePort(),
    https: options.https === true ? await freePort() : 0,
    authority: options.https === true ? await Promise.all([1, 2, 3, 4].map(freePort)) : [],
  };
  const kubernetes = options.kubernetes ?? (testServer === 'kubernetes' ? await startKubernetes({ kinds }) : undefined);
  const instance = openInstance({ directory, ports, flags: options.flags ?? [], kubernetes });
  const started = await instance.up();
  if (started.exitCode !== 0) {
    await instance.stop();
    throw new Error(`the instance did not start: ${started.stdout}${started.stderr}`);
  }
  return instance;
}

/** Without ports there is none. */
function authorityFlags(ports: readonly number[]): readonly string[] {
  const flags = ['--acme-port', '--acme-management-port', '--resolver-port'];
  return ports.length === 0 ? ['--acme-port', '0'] : flags.flatMap((flag, index) => [flag, String(ports[index] ?? 0)]);
}

interface Opening {
  readonly directory: string;
  readonly ports: Ports;
  readonly flags: readonly string[];
  /** The server to use instead of one of its own; stopped with the instance. */
  readonly kubernetes: LabKubernetes | undefined;
}

function openInstance({ directory, kubernetes, ...settings }: Opening): LabInstance {
  const wcpd = join(directory, 'lib/programs/wcpd.mjs');
  const kubeconfig = kubernetes?.kubeconfig ?? join(directory, 'admin.kubeconfig');
  const ports =
    kubernetes === undefined ? settings.ports : { ...settings.ports, api: Number(new URL(kubernetes.url).port) };
  const flags = [...settings.flags, ...(kubernetes === undefined ? [] : ['--kubeconfig', kubernetes.kubeconfig])];
  const clients: Client[] = [];
  const portFlags = [
    ...['--api-port', String(ports.api), '--http-port', String(ports.http)],
    ...['--stream-port', String(ports.stream), '--https-port', String(ports.https)],
    ...authorityFlags(ports.authority),
    ...['--dns-port', String(ports.dns), '--dns-api-port', String(ports.dnsApi)],
    ...['--etcd-client-port', String(ports.etcdClient), '--etcd-peer-port', String(ports.etcdPeer)],
  ];
  const down = (): Promise<Ended> => run([process.execPath, wcpd, 'down', '--directory', directory]);
  // A test that died leaves nothing behind either.
  const onExit = (): void => void execFileSync(process.execPath, [wcpd, 'down', '--directory', directory]);
  process.on('exit', onExit);
  return {
    directory,
    ports,
    kubeconfig,
    down,
    ...tenantFiles(directory),
    up: (more = []) =>
      run([process.execPath, wcpd, 'up', '--directory', directory, ...portFlags, ...flags, ...more], { cwd: '/' }),
    wcpctl: (argv, options = {}) => {
      const program = [process.execPath, join(directory, 'lib/programs/wcpctl.mjs')];
      return run([...program, `--kubeconfig=${options.kubeconfig ?? kubeconfig}`, ...argv], options);
    },
    http: (hostname, path, options) => visit(ports.http, hostname, path, options),
    client: async (path = kubeconfig) => {
      const client = createClient({ ...(await loadKubeconfig({ path })), userAgent: 'lab' });
      clients.push(client);
      return client;
    },
    services: () => servicesOf(directory),
    stop: async () => {
      process.off('exit', onExit);
      await Promise.all(clients.map((client) => client.close()));
      const ended = await down();
      await kubernetes?.stop();
      const left = await leftOvers(directory);
      await rm(directory, { recursive: true, force: true }).catch(() => undefined);
      if (ended.exitCode !== 0) throw new Error(`wcpd down failed: ${ended.stdout}${ended.stderr}`);
      if (left.length > 0) throw new Error(`after wcpd down is left: ${left.join('; ')}`);
    },
  };
}

async function servicesOf(directory: string): Promise<ReadonlyMap<string, ProcessIdentity>> {
  const found = new Map<string, ProcessIdentity>();
  const note = async (name: string, path: string): Promise<void> => {
    const text = await readFile(path, 'utf8').catch(() => '');
    if (text === '') return;
    const { pid, startTime } = JSON.parse(text) as ProcessIdentity;
    if (isAlive({ pid, startTime })) found.set(name, { pid, startTime });
  };
  await note('supervisor', join(directory, 'run/supervisor.json'));
  for (const folder of ['run/instance', 'run/services']) {
    const names = await readdir(join(directory, folder)).catch(() => []);
    for (const file of names.filter((name) => name.endsWith('.json') && !name.startsWith('.')))
      await note(basename(file, '.json'), join(directory, folder, file));
  }
  return found;
}

/** Processes that see the instance's directory at its mount point, or were started from it: whoever keeps a mount or a namespace of it alive is one. */
export async function leftOvers(directory: string): Promise<readonly string[]> {
  const name = basename(directory);
  const pids = (await readdir('/proc')).filter((each) => /^\d+$/.test(each) && Number(each) !== process.pid);
  const left: string[] = [];
  for (const pid of pids) {
    const mounts = await readFile(`/proc/${pid}/mountinfo`, 'utf8').catch(() => '');
    const command = (await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')).replaceAll('\0', ' ');
    // proc_pid_mountinfo(5): the fifth field is the mount point. Other instances' namespaces may hold copies of what is mounted elsewhere.
    const sees = mounts
      .split('\n')
      .some((line) => line.split(' ')[4]?.startsWith(mountPoint) === true && line.includes(name));
    if (sees || command.includes(directory)) left.push(`${pid} (${command.slice(0, 120)})`);
  }
  return left;
}

/** Waits until `look` gives something truthy; what it throws meanwhile counts as "not yet". */
export async function until<T>(
  look: () => T | Promise<T>,
  what: string,
  timeoutMs = patienceMs,
): Promise<NonNullable<T>> {
  let last: unknown;
  for (const end = performance.now() + timeoutMs; performance.now() < end; await delay(25)) {
    try {
      const found = await look();
      if (found !== undefined && found !== null && found !== false) return found;
      last = undefined;
    } catch (err) {
      last = err;
    }
  }
  throw new Error(`waited in vain for ${what}`, { cause: last });
}
