import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { processNamed, type Instance } from './instance.ts';
import { cpuSecondsOf } from './measurement.ts';
import { startProfile, stopProfile } from './profiler.ts';

const programs = ['etcd', 'server', 'controller', 'agent'] as const;

/** CPU seconds that each of an instance's programs has used. */
export function cpuByProgram(instance: Instance): ReadonlyMap<string, number> {
  return new Map(programs.map((name) => [name, cpuSecondsOf(processNamed(instance, name).pid)]));
}

/** CPU profiles of those that are ours. */
export async function startProfiles(instance: Instance): Promise<void> {
  for (const name of programs.slice(1)) await startProfile(processNamed(instance, name).pid);
}

/** As `<program>-<count>.cpuprofile`. */
export async function saveProfiles(instance: Instance, directory: string, count: number): Promise<void> {
  await mkdir(directory, { recursive: true });
  for (const name of programs.slice(1)) {
    const text = await stopProfile(processNamed(instance, name).pid);
    await writeFile(join(directory, `${name}-${count}.cpuprofile`), text);
  }
}
