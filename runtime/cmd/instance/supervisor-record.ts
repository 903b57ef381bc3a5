import { readFile, writeFile } from 'node:fs/promises';
import { isAlive, startTimeOf, type ProcessIdentity } from '#runtime/host/local/supervisor/process-table.ts';
import type { Layout } from './layout.ts';

/** Which process keeps this instance; undefined when none does. */
export async function readSupervisor(layout: Layout): Promise<ProcessIdentity | undefined> {
  const text = await readFile(layout.supervisor, 'utf8').catch(() => undefined);
  if (text === undefined || text === '') return undefined;
  const identity = JSON.parse(text) as ProcessIdentity;
  return isAlive(identity) ? identity : undefined;
}

/** Notes that this process keeps the instance. */
export async function writeSupervisor(layout: Layout): Promise<void> {
  const identity: ProcessIdentity = { pid: process.pid, startTime: startTimeOf(process.pid) ?? '' };
  await writeFile(layout.supervisor, JSON.stringify(identity), { mode: 0o644 });
}
