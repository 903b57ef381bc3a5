import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { askDns } from '#runtime/dns/ask.ts';
import { dig } from '#test/lab/name-server.ts';
import { applyAll, makeTenant, objectOf, tenant, type Applied } from './domains.ts';
import { eachOf } from './handshakes.ts';
import { openInstance, processNamed, quiet, type Instance } from './instance.ts';
import { cpuSecondsOf, measurement, memoryBytesOf, percentile, type Bench, type BenchOptions } from './measurement.ts';
import { watchWrites } from './site-writes.ts';
import { timeToSee } from './time-to-answer.ts';

const bench = 'dns';
const connections = 16;
const never = new AbortController().signal;

/** Zones on a whole instance with PowerDNS: how soon a change of one record among all of them is answered, and what a resync does. */
export const dnsBench: Bench = async (options) => {
  const [count, tries] = options.quick ? [100, 20] : [10_000, 500];
  const instance = await openInstance({ dns: true });
  try {
    await makeTenant(instance);
    await measureAll(instance, count, options);
    await measureChanges(instance, { count, tries, options });
    await measureResync(instance, count, options);
  } finally {
    await instance.close();
  }
};

async function measureAll(instance: Instance, count: number, options: BenchOptions): Promise<void> {
  options.note(`${count} zones`);
  const log = await watchWrites(instance.store, 'zones');
  const startedAt = performance.now();
  await applyAll(
    instance,
    Array.from({ length: count }, (_, n) => zoneOf(n)),
    connections,
  );
  await log.ready(count);
  log.close();
  const value = count / ((performance.now() - startedAt) / 1_000);
  options.report(measurement({ bench, measure: `signed zones Ready, ${count} from none`, value, unit: '/s' }));
  for (const name of ['agent', 'controller', 'pdns_server'])
    options.report(
      measurement({
        ...{ bench, measure: `PSS of ${name} at ${count} zones`, unit: 'MiB' },
        value: memoryBytesOf(processNamed(instance, name).pid) / 2 ** 20,
      }),
    );
}

interface Changes {
  readonly count: number;
  readonly tries: number;
  readonly options: BenchOptions;
}

const [before, after] = ['192.0.2.1', '192.0.2.2'] as const;

/** From the apply of a record that has another address to the first answer that has it, by UDP; dig is to see the same. */
async function measureChanges(instance: Instance, { count, tries, options }: Changes): Promise<void> {
  options.note(`${tries} changes of one record, one at a time`);
  const zones = Array.from({ length: tries }, (_, n) => Math.floor((n * count) / tries));
  await applyAll(
    instance,
    zones.map((n) => recordOf(n, before)),
    connections,
  );
  await eachOf(zones, async (n) => {
    while (!(await isAnswered(instance, n, before)));
  });
  await quiet(['controller', 'agent', 'server'].map((name) => processNamed(instance, name).pid));
  const filesBefore = await databaseFiles(instance);
  const latenciesMs = await timeToSee(instance, tries, (n) => {
    const zone = zones[n] ?? 0;
    return { applied: recordOf(zone, after), isSeen: async () => await isAnswered(instance, zone, after) };
  });
  if (changedFiles(filesBefore, await databaseFiles(instance)) === 0) throw new Error('PowerDNS writes somewhere else');
  for (const n of zones) {
    const seen = await dig(instance.dnsPort, [`www.${nameOf(n)}`, 'A']);
    if (seen.join() !== after) throw new Error(`dig sees ${seen.join()} for ${nameOf(n)}`);
  }
  const measure = `a change of one record to its answer with ${count} zones`;
  const row = (part: number) => ({
    ...{ bench, measure: `p${part * 100} of ${measure}`, unit: 'ms' },
    value: percentile(latenciesMs, part),
  });
  options.report(measurement(row(0.5)));
  options.report(measurement(row(0.99), { atMost: 50 }));
}

/** SIGUSR2 makes controller and agent look at every object again. Whatever PowerDNS is told to write, it writes into its database. */
async function measureResync(instance: Instance, count: number, options: BenchOptions): Promise<void> {
  options.note('resync');
  const pids = ['controller', 'agent'].map((name) => processNamed(instance, name).pid);
  await quiet(pids);
  const log = await watchWrites(instance.store);
  const [filesBefore, cpuBefore] = [await databaseFiles(instance), pids.map(cpuSecondsOf)];
  for (const pid of pids) process.kill(pid, 'SIGUSR2');
  await quiet(pids);
  const cpuMs = pids.reduce((sum, pid, n) => sum + (cpuSecondsOf(pid) - (cpuBefore[n] ?? 0)) * 1_000, 0);
  const changed = changedFiles(filesBefore, await databaseFiles(instance));
  log.close();
  const measure = `full resync of ${count} zones`;
  const row = (what: string, value: number, unit = '') => ({ bench, measure: `${measure}: ${what}`, value, unit });
  options.report(measurement(row('files of PowerDNS written', changed), { atMost: 0 }));
  options.report(measurement(row('etcd writes but for leases and events', log.writes.length), { atMost: 0 }));
  options.report(measurement(row('CPU of controller and agent', cpuMs, 'ms')));
}

/** Size and time of the last write of the database and of its log. */
async function databaseFiles({ directory }: Instance): Promise<ReadonlyMap<string, string>> {
  const data = join(directory, 'dns/data');
  const names = (await readdir(data)).filter((name) => !name.endsWith('-shm'));
  const marks = await Promise.all(
    names.map(async (name) => {
      const { size, mtimeNs } = await stat(join(data, name), { bigint: true });
      return [name, `${size} ${mtimeNs}`] as const;
    }),
  );
  return new Map(marks);
}

function changedFiles(before: ReadonlyMap<string, string>, after: ReadonlyMap<string, string>): number {
  return [...after].filter(([name, mark]) => before.get(name) !== mark).length;
}

function nameOf(n: number): string {
  return `zone-${n}.${tenant}.example`;
}

function zoneOf(n: number): Applied {
  const metadata = { name: `zone-${n}`, namespace: tenant };
  return objectOf('Zone', `namespaces/${tenant}/zones`, metadata, { name: nameOf(n) });
}

function recordOf(n: number, address: string): Applied {
  const spec = { zoneRef: { name: `zone-${n}` }, name: 'www', type: 'A', values: [address] };
  const metadata = { name: `www-${n}`, namespace: tenant };
  return objectOf('DNSRecord', `namespaces/${tenant}/dnsrecords`, metadata, spec);
}

async function isAnswered({ dnsPort }: Instance, n: number, address: string): Promise<boolean> {
  const server = { address: '127.0.0.1', port: dnsPort };
  const { records } = await askDns(server, { name: `www.${nameOf(n)}`, type: 'A' }, never);
  return records.some(({ type, content }) => type === 'A' && content === address);
}
