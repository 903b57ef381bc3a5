import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { ENGINES } from '#controllers/database-names.ts';
import { openApplicant, pairOfObjects, type Applicant } from './databases/first-login.ts';
import { measurePlain, type Plain } from './databases/plain.ts';
import { measureResync } from './databases/resync.ts';
import type { Run } from './databases/run.ts';
import { applyAll, makeTenant } from './domains.ts';
import { countRequests } from './hosts/traffic.ts';
import { openInstance, processNamed, quiet, type Instance } from './instance.ts';
import { measurement, memoryBytesOf, percentile, type Bench } from './measurement.ts';
import { cpuByProgram, saveProfiles, startProfiles } from './programs.ts';
import { countStatements } from './server-statements.ts';
import { watchWrites, type Write } from './site-writes.ts';

const bench = 'databases';
const connections = 16;

/** Databases with a DatabaseUser each, on a whole instance of each engine's own: from manifest to login, and a resync. */
export const databasesBench: Bench = async (options) => {
  const [usual, tries] = options.quick ? [20, 10] : [1_000, 100];
  const { size: count = usual } = options;
  for (const engine of ENGINES) {
    const run: Run = { engine, count, tries, connections, options };
    // What the instance has is gone before the reference makes as much: a thousand databases of PostgreSQL are 8 GB.
    const ours = await measureOurs(run);
    report(run, ours, await measurePlain(run, ours.writes));
  }
};

/** What is to be compared. */
interface Ours {
  readonly seconds: number;
  readonly writes: readonly Write[];
  readonly loginMs: readonly number[];
  /** Statements that write, for one database with its login. */
  readonly statementWrites: number;
}

async function measureOurs(run: Run): Promise<Ours> {
  const instance = await openInstance();
  try {
    await makeTenant(instance);
    await makeFirst(instance, run);
    const all = await measureAll(instance, run);
    const { loginMs, statementWrites } = await measureLogins(instance, run);
    for (const { atMost, ...row } of await measureResync(instance, run))
      run.options.report(measurement({ bench, ...row }, atMost === undefined ? undefined : { atMost }));
    return { ...all, loginMs, statementWrites };
  } finally {
    await instance.close();
  }
}

/** The server is made for the first one, of which nothing is to be in what is counted. */
async function makeFirst(instance: Instance, { engine }: Run): Promise<void> {
  const log = await watchWrites(instance.store, 'databaseusers');
  await applyAll(instance, pairOfObjects(engine, 'first'));
  await log.ready(1);
  log.close();
  await quiet(['controller', 'agent'].map((name) => processNamed(instance, name).pid));
}

async function measureAll(instance: Instance, run: Run): Promise<Pick<Ours, 'seconds' | 'writes'>> {
  const { engine, count, options } = run;
  options.note(`${count} databases with users on ${engine}, over ${connections} connections`);
  const log = await watchWrites(instance.store, 'databaseusers');
  if (options.profileInto !== undefined) await startProfiles(instance);
  const requests = countRequests(instance);
  const cpuBefore = cpuByProgram(instance);
  const objects = Array.from({ length: count }, (_, n) => pairOfObjects(engine, `shop-${n}`)).flat();
  const startedAt = performance.now();
  await applyAll(instance, objects, connections);
  await log.ready(count);
  const seconds = (performance.now() - startedAt) / 1_000;
  const cpu = cpuByProgram(instance);
  if (options.profileInto !== undefined) await saveProfiles(instance, join(options.profileInto, engine), count);
  await delay(1_000);
  log.close();
  const row = (measure: string, value: number, unit: string): void =>
    options.report(measurement({ bench, measure: `${measure}, ${count} on ${engine}`, value, unit }));
  for (const [name, used] of cpu)
    row(`CPU of ${name} per database`, ((used - (cpuBefore.get(name) ?? 0)) * 1_000) / count, 'ms');
  for (const [collection, writes] of log.counts)
    if (writes >= count / 10) row(`etcd writes to ${collection} per database`, writes / count, 'writes');
  for (const [purpose, times] of requests())
    if (times >= count / 10) row(`requests to ${purpose} per database`, times / count, 'requests');
  for (const name of cpu.keys())
    row(`PSS of ${name}`, memoryBytesOf(processNamed(instance, name).pid) / 2 ** 20, 'MiB');
  return { seconds, writes: log.writes };
}

async function measureLogins(instance: Instance, run: Run): Promise<Pick<Ours, 'loginMs' | 'statementWrites'>> {
  const { engine, tries, options } = run;
  options.note(`one database more, ${tries} times`);
  const applicant = await openApplicant(instance, engine);
  try {
    await applicant.logIn('before');
    const loginMs: number[] = [];
    for (let n = 0; n < tries; n++) loginMs.push(await applicant.logIn(`more-${n}`));
    return { loginMs, statementWrites: await countWrites(instance, run, applicant) };
  } finally {
    await applicant.close();
  }
}

async function countWrites(instance: Instance, { engine }: Run, applicant: Applicant): Promise<number> {
  const log = await watchWrites(instance.store, 'databaseusers');
  const count = await countStatements(engine, instance.directory);
  try {
    await applicant.logIn('counted');
    await log.ready(1);
    return (await count.soFar()).writes;
  } finally {
    log.close();
    await count.close();
  }
}

const atMostBeyondMs = 300;

function report({ engine, count, options }: Run, ours: Ours, plain: Plain): void {
  const all = { measure: `all ${count} databases with users Ready on ${engine}, from none`, unit: 's' };
  options.report(measurement({ bench, ...all, value: ours.seconds, reference: plain.seconds }, { atMost: 1.5 }));
  const writes = { measure: `statements that write, for one database with its user on ${engine}`, unit: '' };
  options.report(
    measurement({ bench, ...writes, value: ours.statementWrites, reference: plain.statementWrites }, { atMost: 1 }),
  );
  const login = `apply to first login on ${engine} with ${count} databases there`;
  const statementsMs = percentile(plain.aloneMs, 0.5);
  const row = (measure: string, value: number) => ({ bench, measure, value, unit: 'ms' });
  options.report(measurement(row(`p50 of ${login}`, percentile(ours.loginMs, 0.5))));
  options.report(measurement(row(`p95 of ${login}`, percentile(ours.loginMs, 0.95))));
  options.report(measurement(row(`p50 of the statements alone on ${engine}`, statementsMs)));
  const beyond = row(`p95 of ${login}, beyond these`, percentile(ours.loginMs, 0.95) - statementsMs);
  options.report(measurement(beyond, { atMost: atMostBeyondMs }));
}
