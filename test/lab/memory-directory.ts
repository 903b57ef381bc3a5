import { stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';

/** A directory in memory, where the machine has one: data of tests needs no disk. */
export async function memoryDirectory(): Promise<string> {
  return (await stat('/dev/shm').catch(() => undefined))?.isDirectory() === true ? '/dev/shm' : tmpdir();
}
