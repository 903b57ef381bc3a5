import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createClient } from '#runtime/client/https-client.ts';
import type { Client } from '#runtime/client/client.ts';
import { resourceTypeOf } from '#runtime/client/resource-type.ts';
import { tenantKind } from '#schemas/v1alpha1/tenant.ts';
import { applyAll, domainOf, hostOf, makeTenant, tenantOf } from './domains.ts';
import { startFleet, type RunningFleet } from './hosts/fleet.ts';
import { readyObjects } from './hosts/ready-objects.ts';
import { watchTraffic, type Traffic } from './hosts/traffic.ts';
import { openInstance, processNamed, quiet, type Instance } from './instance.ts';
import { cpuSecondsOf, measurement, memoryBytesOf, percentile, type Bench, type BenchOptions } from './measurement.ts';
import { startProfile, stopProfile } from './profiler.ts';
import { watchWrites } from './site-writes.ts';
import { timeToAnswer } from './time-to-answer.ts';

const bench = 'hosts';
const connections = 16;
const programs = ['etcd', 'server', 'controller', 'agent'] as const;

/** How much of everything. */
interface Size {
  /** The real one included. */
  readonly hosts: number;
  readonly tenants: number;
  readonly domains: number;
  /** Domains of the one host before others join. */
  readonly few: number;
  readonly idleSeconds: number;
  readonly tries: number;
}

const full: Size = { hosts: 50, tenants: 200, domains: 20_000, few: 100, idleSeconds: 60, tries: 100 };
const small: Size = { hosts: 10, tenants: 20, domains: 400, few: 20, idleSeconds: 20, tries: 20 };

interface Run {
  readonly instance: Instance;
  readonly client: Client;
  readonly size: Size;
  readonly options: BenchOptions;
}

/** Many hosts at one API server: what goes over the wire when nothing changes, and how soon a change is served. */
export const hostsBench: Bench = async (options) => {
  const size = options.quick ? small : full;
  const instance = await openInstance();
  const { ca, cert, key } = instance.admin;
  const tls = { ca: ca.toString(), cert: cert.toString(), key: key.toString() };
  const run: Run = { instance, client: createClient({ server: instance.apiUrl, tls }), size, options };
  let fleet: RunningFleet | undefined;
  try {
    await makeTenant(instance);
    await makeDomains(run, nameDomains(size.few, ['bench']));
    const alone = await measureChanges(run);
    options.note(`${size.hosts - 1} hosts join`);
    fleet = await startFleet(instance, run.client, size.hosts - 1);
    const empty = await measureIdle(run, fleet);
    await measureStorm(run, fleet);
    const filled = await measureIdle(run, fleet);
    reportIdle(run, fleet, { empty, filled });
    reportChanges(run, { alone, among: await measureChanges(run) });
    reportMemory(run, fleet);
  } finally {
    await fleet?.stop();
    await run.client.close();
    await instance.close();
  }
};

interface Named {
  readonly name: string;
  readonly namespace: string;
}

function nameDomains(count: number, tenants: readonly string[]): readonly Named[] {
  return Array.from({ length: count }, (_, n) => ({ name: `site-${n}`, namespace: tenants[n % tenants.length] ?? '' }));
}

/** Resolves when all are Ready. */
async function makeDomains({ instance }: Run, domains: readonly Named[]): Promise<void> {
  const log = await watchWrites(instance.store);
  await applyAll(
    instance,
    domains.map(({ name, namespace }) => domainOf(name, {}, namespace)),
    connections,
  );
  await log.ready(domains.length);
  log.close();
}

interface Changes {
  /** Milliseconds. */
  readonly created: readonly number[];
  readonly changed: readonly number[];
}

/** On the real host, by what its front answers: one Domain more, and one that is suspended and let go on in turns. */
async function measureChanges({ instance, size, options }: Run): Promise<Changes> {
  const { tries } = size;
  options.note(`${tries} Domains more and ${tries} changes, one at a time`);
  const group = Math.random().toString(36).slice(2, 7);
  const created = await timeToAnswer(instance, tries, (n) => {
    const name = `more-${group}-${n}`;
    return { applied: domainOf(name), hostname: hostOf(name), status: 200 };
  });
  const changed = await timeToAnswer(instance, tries, (n) => {
    const suspended = n % 2 === 0;
    return { applied: domainOf('first', { suspended }), hostname: hostOf('first'), status: suspended ? 503 : 200 };
  });
  return { created, changed };
}

function reportChanges({ size, options }: Run, { alone, among }: Record<'alone' | 'among', Changes>): void {
  for (const [kind, what] of [
    ['created', 'a Domain more'],
    ['changed', 'a change of one'],
  ] as const) {
    const at = `of ${what} → served, ${size.hosts} hosts, ${size.domains} Domains`;
    const [value, reference] = [percentile(among[kind], 0.5), percentile(alone[kind], 0.5)];
    options.report(measurement({ bench, measure: `p50 ${at}`, value, reference, unit: 'ms' }, { atMost: 1.5 }));
    const p95 = percentile(among[kind], 0.95);
    options.report(measurement({ bench, measure: `p95 ${at}`, value: p95, unit: 'ms' }, { atMost: 200 }));
  }
}

function pidsOf({ instance }: Run, fleet: RunningFleet): ReadonlyMap<string, number> {
  const own = programs.map((name) => [name, processNamed(instance, name).pid] as const);
  return new Map([...own, ['agents of models', fleet.pid]]);
}

async function measureIdle(run: Run, fleet: RunningFleet): Promise<Traffic> {
  const { instance, size, options } = run;
  const pids = pidsOf(run, fleet);
  // All but etcd, whose work after a burst is its own.
  await quiet(
    [...pids].filter(([name]) => name !== 'etcd').map(([, pid]) => pid),
    size.hosts,
  );
  options.note(`${size.idleSeconds} s in which nothing changes`);
  return await watchTraffic(instance, size.idleSeconds, [...pids.values()]);
}

function reportIdle(run: Run, fleet: RunningFleet, { empty, filled }: Record<'empty' | 'filled', Traffic>): void {
  const { size, options } = run;
  const row = (measure: string, value: number, unit: string) => ({ bench, measure: `idle: ${measure}`, value, unit });
  const rows = [...filled.requests].toSorted(([a], [b]) => a.localeCompare(b));
  for (const [purpose, perSecond] of rows) {
    const reference = empty.requests.get(purpose);
    options.report(measurement({ ...row(purpose, perSecond, '/s'), ...(reference !== undefined && { reference }) }));
  }
  const other = rows.filter(([purpose]) => !isHeartbeat(purpose)).reduce((sum, [, perSecond]) => sum + perSecond, 0);
  options.report(measurement(row('requests that are no heartbeat', other, '/s'), { atMost: 0 }));
  for (const [name, pid] of pidsOf(run, fleet)) {
    const bytes = filled.bytes.get(pid);
    const cpu = { value: (filled.cpu.get(pid) ?? 0) * 1_000, reference: (empty.cpu.get(pid) ?? 0) * 1_000 };
    options.report(measurement({ ...row(`CPU of ${name}`, 0, 'ms/s'), ...cpu }));
    if (bytes === undefined) continue;
    const kibibytes = { value: bytes / 1024, reference: (empty.bytes.get(pid) ?? 0) / 1024 };
    options.report(measurement({ ...row(`bytes of ${name}`, 0, 'KiB/s'), ...kibibytes }, { atMost: 1.2 }));
  }
  options.note(`the reference of idle rows: the same ${size.hosts} hosts with ${size.few} Domains`);
}

/** A watch ends after some minutes, so that it does not outlive what it was allowed; it goes on where it was. */
function isHeartbeat(purpose: string): boolean {
  return /Lease/.test(purpose) || purpose === 'watches begun anew';
}

/** All tenants at once, then all Domains. */
async function measureStorm(run: Run, fleet: RunningFleet): Promise<void> {
  const { size, options } = run;
  const tenants = Array.from({ length: size.tenants }, (_, n) => `tenant-${n}`);
  await measurePlacement(run, tenants);
  const profiles = await profileSome(run, fleet);
  options.note(`${size.domains} Domains on ${size.hosts} hosts`);
  const pids = [...pidsOf(run, fleet)];
  const cpuBefore = pids.map(([, pid]) => cpuSecondsOf(pid));
  const startedAt = performance.now();
  await makeDomains(run, nameDomains(size.domains, tenants));
  const seconds = (performance.now() - startedAt) / 1_000;
  const cpu = pids.map(([name, pid], n) => [name, cpuSecondsOf(pid) - (cpuBefore[n] ?? 0)] as const);
  await profiles?.();
  const at = `${size.domains} Domains on ${size.hosts} hosts`;
  options.report(measurement({ bench, measure: `all ${at} Ready, from none`, value: seconds, unit: 's' }));
  for (const [name, used] of cpu) {
    const value = (used * 1_000) / size.domains;
    options.report(measurement({ bench, measure: `CPU of ${name} per Domain of ${at}`, value, unit: 'ms' }));
  }
}

async function measurePlacement({ instance, client, size, options }: Run, tenants: readonly string[]): Promise<void> {
  const log = await watchWrites(instance.store);
  options.note(`${tenants.length} tenants are placed`);
  const startedAt = performance.now();
  await applyAll(instance, tenants.map(tenantOf), connections);
  await readyObjects(client, resourceTypeOf(tenantKind), (name) => tenants.includes(name), tenants.length);
  const seconds = (performance.now() - startedAt) / 1_000;
  const roles = (log.counts.get('rbac.authorization.k8s.io/clusterroles') ?? 0) / tenants.length;
  log.close();
  const at = `${tenants.length} tenants on ${size.hosts} hosts`;
  options.report(measurement({ bench, measure: `all ${at} Ready, from none`, value: seconds, unit: 's' }));
  const writes = { bench, measure: `writes of hosts’ roles per tenant, ${at}`, value: roles, unit: '' };
  options.report(measurement(writes, { atMost: 1 }));
}

/** Returns what saves them. */
async function profileSome(run: Run, fleet: RunningFleet): Promise<(() => Promise<void>) | undefined> {
  const { profileInto } = run.options;
  if (profileInto === undefined) return undefined;
  const pids = [...pidsOf(run, fleet)].filter(([name]) => name !== 'etcd');
  for (const [, pid] of pids) await startProfile(pid);
  return async () => {
    await mkdir(profileInto, { recursive: true });
    for (const [name, pid] of pids)
      await writeFile(join(profileInto, `${name.replaceAll(' ', '-')}.cpuprofile`), await stopProfile(pid));
  };
}

function reportMemory(run: Run, fleet: RunningFleet): void {
  const { size, options } = run;
  for (const [name, pid] of pidsOf(run, fleet)) {
    const isFleet = pid === fleet.pid;
    const mebibytes = memoryBytesOf(pid) / 2 ** 20;
    const value = isFleet ? mebibytes / (size.hosts - 1) : mebibytes;
    const of = isFleet ? 'an agent of a model (with its model)' : name;
    options.report(
      measurement({ bench, measure: `PSS of ${of}, ${size.hosts} hosts, ${size.domains} Domains`, value, unit: 'MiB' }),
    );
  }
}
