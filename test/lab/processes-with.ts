import { readdirSync, readFileSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';

/** Ids of processes of the machine in whose file of /proc the word stands. */
export function processesWith(file: 'environ' | 'cmdline' | 'mountinfo', word: string): readonly string[] {
  return readdirSync('/proc').filter((pid) => {
    try {
      return /^\d+$/.test(pid) && readFileSync(`/proc/${pid}/${file}`, 'utf8').includes(word);
    } catch {
      return false;
    }
  });
}

/** Of all processes of this machine. */
export async function commandLines(): Promise<readonly string[]> {
  const processes = (await readdir('/proc')).filter((name) => /^\d+$/u.test(name));
  return await Promise.all(processes.map(async (id) => await readFile(`/proc/${id}/cmdline`, 'utf8').catch(() => '')));
}
