import { mkdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { applyAll, domainOf, hostOf, makeTenant, tenant } from './domains.ts';
import { openInstance, processNamed, quiet, type Instance } from './instance.ts';
import { childFaultsOf, cpuSecondsOf, measurement, memoryBytesOf, percentile } from './measurement.ts';
import type { Bench, BenchOptions } from './measurement.ts';
import { cpuByProgram, saveProfiles, startProfiles } from './programs.ts';
import { makePlainSites } from './reference/plain-sites.ts';
import { watchWrites, type WriteLog } from './site-writes.ts';
import { timeToAnswer } from './time-to-answer.ts';

const bench = 'sites';
const connections = 16;

/** Domains from manifest to answer, on a whole instance; each count from an empty store. */
export const sitesBench: Bench = async (options) => {
  const counts = options.quick ? [100] : [100, 1_000, 10_000];
  for (const count of counts) {
    const instance = await openInstance();
    try {
      await makeTenant(instance);
      await measureAll(instance, count, options);
      await measureOneMore(instance, count, options);
      reportMemory(instance, count, options);
      await measureResync(instance, count, options);
    } finally {
      await instance.close();
    }
  }
};

async function measureAll(instance: Instance, count: number, options: BenchOptions): Promise<void> {
  const names = Array.from({ length: count }, (_, n) => `site-${n}`);
  options.note(`${count} domains over ${connections} connections`);
  const log = await watchWrites(instance.store);
  if (options.profileInto !== undefined) await startProfiles(instance);
  const cpuBefore = cpuByProgram(instance);
  const startedAt = performance.now();
  await applyAll(
    instance,
    names.map((name) => domainOf(name)),
    connections,
  );
  const appliedSeconds = (performance.now() - startedAt) / 1000;
  await log.ready(count);
  const seconds = (performance.now() - startedAt) / 1000;
  const cpu = [...cpuByProgram(instance)].map(([name, used]) => {
    const ms = ((used - (cpuBefore.get(name) ?? 0)) * 1000) / count;
    return { name, ms };
  });
  if (options.profileInto !== undefined) await saveProfiles(instance, options.profileInto, count);
  await delay(1_000);
  log.close();
  const plain = join(instance.directory, 'plain');
  await mkdir(plain);
  const sites = join(instance.directory, 'front/sites');
  const { uid, gid } = await stat(join(instance.directory, 'tenants', tenant, 'domains/first'));
  const record = await readFile(join(sites, hostOf('first')), 'utf8').catch(
    async () => await readFile(join(sites, `${hostOf('first')}.json`), 'utf8'),
  );
  options.note(`the plain program makes ${log.writes.length} writes`);
  const reference = await makePlainSites({
    ...{ store: instance.store, writes: log.writes, names, directory: plain, record, uid, gid, connections },
  });
  const at = `of ${count} domains`;
  options.report(
    measurement(
      { bench, measure: `all ${count} domains Ready, from none`, value: seconds, reference, unit: 's' },
      { atMost: 2.5 },
    ),
  );
  options.report(measurement({ bench, measure: `applied (answers only) ${at}`, value: appliedSeconds, unit: 's' }));
  reportWrites(log, count, options);
  for (const { name, ms } of cpu)
    options.report(measurement({ bench, measure: `CPU of ${name} per domain ${at}`, value: ms, unit: 'ms' }));
}

function reportWrites(log: WriteLog, count: number, options: BenchOptions): void {
  for (const [collection, writes] of log.counts) {
    if (writes < count / 2) continue;
    const measure = `etcd writes to ${collection} per domain of ${count}`;
    options.report(measurement({ bench, measure, value: writes / count, unit: 'writes' }));
  }
}

async function measureOneMore(instance: Instance, count: number, options: BenchOptions): Promise<void> {
  const tries = options.quick ? 20 : 100;
  options.note(`one domain more, ${tries} times`);
  const before = frontOf(instance);
  const latenciesMs = await timeToAnswer(instance, tries, (n) => {
    const name = `more-${n}`;
    return { applied: domainOf(name), hostname: hostOf(name), status: 200 };
  });
  const measure = `apply to first answer with ${count} domains there`;
  options.report(measurement({ bench, measure: `p50 of ${measure}`, value: percentile(latenciesMs, 0.5), unit: 'ms' }));
  const p95 = { bench, measure: `p95 of ${measure}`, value: percentile(latenciesMs, 0.95), unit: 'ms' };
  options.report(measurement(p95, { atMost: 200 }));
  const restarts = frontOf(instance).filter((process) => !before.includes(process)).length;
  options.report(
    measurement({ bench, measure: 'nginx processes started meanwhile', value: restarts, unit: '' }, { atMost: 0 }),
  );
}

function frontOf(instance: Instance): readonly string[] {
  return instance
    .processes()
    .filter(({ name }) => name.startsWith('nginx'))
    .map(({ pid, startTime }) => `${pid} ${startTime}`);
}

function reportMemory(instance: Instance, count: number, options: BenchOptions): void {
  const byName = new Map<string, number>();
  for (const { pid, name } of instance.processes()) byName.set(name, (byName.get(name) ?? 0) + memoryBytesOf(pid));
  for (const [name, bytes] of [...byName].toSorted(([a], [b]) => a.localeCompare(b)))
    options.report(
      measurement({ bench, measure: `PSS of ${name} at ${count} domains`, value: bytes / 2 ** 20, unit: 'MiB' }),
    );
}

/** A resync of controller and agent with nothing changed: what they write, and whether they start a process (their reaped children's page faults tell). */
async function measureResync(instance: Instance, count: number, options: BenchOptions): Promise<void> {
  const pids = ['controller', 'agent'].map((name) => processNamed(instance, name).pid);
  await quiet(pids);
  const log = await watchWrites(instance.store);
  const faultsBefore = pids.map(childFaultsOf);
  const cpuBefore = pids.map(cpuSecondsOf);
  for (const pid of pids) process.kill(pid, 'SIGUSR2');
  await quiet(pids);
  const cpuMs = pids.map((pid, n) => (cpuSecondsOf(pid) - (cpuBefore[n] ?? 0)) * 1000);
  const children = pids.filter((pid, n) => childFaultsOf(pid) !== faultsBefore[n]).length;
  const events = (log.counts.get('core/events') ?? 0) + log.writes.length;
  log.close();
  const measure = `full resync of ${count} domains`;
  const row = (what: string, value: number, unit: string) => ({ bench, measure: `${measure}: ${what}`, value, unit });
  options.report(measurement(row('etcd writes but for leases', events, ''), { atMost: 0 }));
  options.report(measurement(row('programs that started a process', children, ''), { atMost: 0 }));
  options.report(
    measurement(
      row(
        'CPU of controller and agent',
        cpuMs.reduce((sum, ms) => sum + ms, 0),
        'ms',
      ),
    ),
  );
}
