import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { buildPrograms } from '#hack/build.ts';
import { openEtcdStore } from '#runtime/storage/etcd/etcd-store.ts';
import type { Store } from '#runtime/storage/store.ts';
import { freePort } from '#test/lab/free-port.ts';
import { cpuSecondsOf } from './measurement.ts';

/** A whole private instance on tmpfs, as `wcpd up` makes it. */
export interface Instance {
  readonly directory: string;
  readonly apiUrl: string;
  readonly httpPort: number;
  /** 0 where HTTPS is not served. */
  readonly httpsPort: number;
  /** Of the CA's directory; 0 where there is none. */
  readonly acmePort: number;
  /** 0 where there is no name server. */
  readonly dnsPort: number;
  readonly admin: Readonly<Record<'ca' | 'cert' | 'key', Buffer>>;
  /** The instance's own etcd. */
  readonly store: Store;
  /** Of the supervisor; also the way into the mount namespace. */
  readonly supervisorPid: number;
  /** Everything that runs in the instance's mount namespace. */
  processes(): readonly InstanceProcess[];
  /** Stops everything and removes the directory. */
  close(): Promise<void>;
}

export interface InstanceProcess {
  readonly pid: number;
  /** `etcd`, `server`, `controller`, `agent`, `supervise`, `keys`, `nginx: master process`, … */
  readonly name: string;
  /** In clock ticks since boot; tells a process from a later one with its pid. */
  readonly startTime: string;
}

const startTimeoutMs = 120_000;

/** What is served beside HTTP: what is not measured is not started. */
export interface Serving {
  /** HTTPS, with a CA of the instance. */
  readonly https?: boolean;
  readonly dns?: boolean;
}

export async function openInstance({ https = false, dns = false }: Serving = {}): Promise<Instance> {
  const directory = await mkdtemp('/dev/shm/wcp360-sites-');
  await buildPrograms(join(directory, 'lib'));
  const [api, http, stream] = [await freePort(), await freePort(), await freePort()];
  const [etcdClient, etcdPeer] = [await freePort(), await freePort()];
  const wcpd = (...args: readonly string[]): void =>
    void execFileSync(process.execPath, [join(directory, 'lib/programs/wcpd.mjs'), ...args, '--directory', directory], {
      stdio: ['ignore', 'ignore', 'inherit'],
      timeout: startTimeoutMs,
    });
  const more = { ...(await httpsPorts(https)), ...(await dnsPorts(dns)) };
  const ports = { api, http, stream, 'etcd-client': etcdClient, 'etcd-peer': etcdPeer, ...more };
  wcpd('up', ...Object.entries(ports).map(([name, port]) => `--${name}-port=${port}`), '--log-level=warn');
  const pem = (name: string): Buffer => readFileSync(join(directory, 'pki', name));
  const store = await openEtcdStore({
    endpoints: [`https://127.0.0.1:${etcdClient}`],
    tls: { ca: pem('etcd/ca.crt'), cert: pem('etcd/client.crt'), key: pem('etcd/client.key') },
  });
  const record = JSON.parse(await readFile(join(directory, 'run/supervisor.json'), 'utf8')) as { readonly pid: number };
  const namespace = readlinkSync(`/proc/${record.pid}/ns/mnt`);
  return {
    directory,
    apiUrl: `https://127.0.0.1:${api}`,
    httpPort: http,
    httpsPort: more.https,
    acmePort: more.acme,
    dnsPort: more.dns,
    admin: { ca: pem('ca.crt'), cert: pem('admin.crt'), key: pem('admin.key') },
    store,
    supervisorPid: record.pid,
    processes: () => processesIn(namespace),
    close: async () => {
      await store.close();
      wcpd('down');
      await rm(directory, { recursive: true, force: true });
    },
  };
}

async function httpsPorts(isServed: boolean) {
  if (!isServed) return { https: 0, acme: 0 } as const;
  const [https, acme, management, resolver] = [await freePort(), await freePort(), await freePort(), await freePort()];
  return { https, acme, 'acme-management': management, resolver };
}

async function dnsPorts(isServed: boolean) {
  return isServed ? { dns: await freePort(), 'dns-api': await freePort() } : ({ dns: 0 } as const);
}

function processesIn(namespace: string): readonly InstanceProcess[] {
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  return pids.flatMap((pid) => {
    try {
      if (readlinkSync(`/proc/${pid}/ns/mnt`) !== namespace) return [];
      const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
      const startTime = stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? '';
      return [{ pid: Number(pid), name: nameOf(readFileSync(`/proc/${pid}/cmdline`, 'utf8')), startTime }];
    } catch {
      // It has ended meanwhile.
      return [];
    }
  });
}

function nameOf(commandLine: string): string {
  const words = commandLine.split('\0').filter((word) => word !== '');
  const program = words.findIndex((word) => word.endsWith('wcpd.mjs'));
  if (program >= 0) return words[program + 1] ?? 'wcpd';
  const [first = ''] = words;
  const module = words.find((word) => word.endsWith('.mjs'));
  if (module !== undefined) return basename(module, '.mjs');
  return first.includes(': ') ? first.replace(/ \/.*$/, '').trim() : (first.split('/').at(-1) ?? '');
}

/** The one process of this name. */
export function processNamed(instance: Instance, name: string): InstanceProcess {
  const found = instance.processes().find((process) => process.name === name);
  if (found === undefined) throw new Error(`no process ${name} runs in the instance`);
  return found;
}

const quietMs = 1_000;
const idleRatio = 0.05;
const heartbeatRatio = 0.002;

/** Until these processes have used no CPU worth mentioning for a second; many hosts have their heartbeats. */
export async function quiet(pids: readonly number[], hosts = 1): Promise<void> {
  const used = (): number => pids.reduce((sum, pid) => sum + cpuSecondsOf(pid), 0);
  for (let before = used(); ;) {
    await delay(quietMs);
    const now = used();
    if (now - before < ((idleRatio + heartbeatRatio * hosts) * quietMs) / 1000) return;
    before = now;
  }
}
