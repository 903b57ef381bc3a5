import { setTimeout as delay } from 'node:timers/promises';
import type { Engine } from '#controllers/database-names.ts';
import { processNamed, quiet, type Instance } from '#hack/benches/instance.ts';
import { cpuSecondsOf, type Measurement } from '#hack/benches/measurement.ts';
import { countStatements } from '#hack/benches/server-statements.ts';
import { watchWrites } from '#hack/benches/site-writes.ts';
import type { Run } from './run.ts';

interface Row extends Pick<Measurement, 'measure' | 'value' | 'unit'> {
  readonly atMost?: number;
}

/** Of an instance's agent (`databaseInterval`). */
const intervalSeconds = 10;
/** Statements of one look at all there is, and of one round of the agent, which measures and looks for what takes too long beside. */
const looks: Readonly<Record<Engine, { readonly look: number; readonly round: number }>> = {
  PostgreSQL: { look: 2, round: 4 },
  MariaDB: { look: 6, round: 8 },
};
/** Rounds that may take longer than their interval. */
const someRoundsMs = 2.5 * intervalSeconds * 1_000;

/**
 * SIGUSR2 makes controller and agent look at every object again, as they do by themselves every ten hours: by what the agent knows of the server, which its
 * rounds ask; some of these are waited for.
 */
export async function measureResync(instance: Instance, { engine, count, options }: Run): Promise<readonly Row[]> {
  options.note('resync');
  const pids = ['controller', 'agent'].map((name) => processNamed(instance, name).pid);
  await nothingWritten(instance);
  await quiet(pids);
  const log = await watchWrites(instance.store);
  const statements = await countStatements(engine, instance.directory);
  const [cpuBefore, startedAt] = [pids.map(cpuSecondsOf), performance.now()];
  for (const pid of pids) process.kill(pid, 'SIGUSR2');
  await quiet(pids);
  const cpuMs = pids.reduce((sum, pid, n) => sum + (cpuSecondsOf(pid) - (cpuBefore[n] ?? 0)) * 1_000, 0);
  await delay(someRoundsMs);
  const { reads, writes } = await statements.soFar();
  const seconds = (performance.now() - startedAt) / 1_000;
  await statements.close();
  log.close();
  const { look, round } = looks[engine];
  for (const { key } of log.writes) options.note(`${key} was written`);
  if (reads === 0) throw new Error(`${engine} does not tell of statements`);
  const mostReads = look + (Math.floor(seconds / intervalSeconds) + 1) * round;
  const row = (what: string, value: number, unit = '') => ({
    ...{ measure: `full resync of ${count} databases on ${engine}: ${what}`, value, unit },
  });
  return [
    { ...row('statements that write', writes), atMost: 0 },
    { ...row('statements that read', reads), atMost: mostReads },
    { ...row('etcd writes but for leases and events', log.writes.length), atMost: 0 },
    row('CPU of controller and agent', cpuMs, 'ms'),
  ];
}

/** PostgreSQL comes by each database once a minute (`autovacuum_naptime`), which may change what its files take. */
const silentMs = 60_000 + someRoundsMs;
const mostWaits = 6;

/** Until the sizes of the last databases are told: nothing was written for a while. */
async function nothingWritten(instance: Instance): Promise<void> {
  const log = await watchWrites(instance.store);
  for (let [before, waits] = [-1, 0]; before !== log.writes.length && waits < mostWaits; waits += 1) {
    before = log.writes.length;
    await delay(silentMs);
  }
  log.close();
}
