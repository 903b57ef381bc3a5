import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { memoryDirectory } from './memory-directory.ts';
import { run } from './run.ts';

/** One thing that testssl.sh has to say. */
export interface Finding {
  /** Such as `cipher_order`. */
  readonly id: string;
  /** `WARN` is what it could not find out. */
  readonly severity: 'OK' | 'INFO' | 'LOW' | 'MEDIUM' | 'HIGH' | 'CRITICAL' | 'WARN';
  readonly finding: string;
}

/** Protocols, ciphers, forward secrecy, preferences, certificate, headers and known weaknesses; not every cipher by itself, nor what each browser would choose. */
const parts = ['-p', '-s', '-f', '-P', '-S', '-h', '-U'];
/** It asks a few hundred times, each time anew. */
const timeoutMs = 600_000;

/** What Debian's testssl.sh finds about a site on loopback, asking nobody else. Rejects when it does not get through. `ca`: a file with the roots to believe. */
export async function testTls({
  hostname,
  port,
  ca,
}: {
  readonly hostname: string;
  readonly port: number;
  readonly ca: string;
}): Promise<readonly Finding[]> {
  const directory = await mkdtemp(join(await memoryDirectory(), 'wcp360-testssl-'));
  try {
    const file = join(directory, 'findings.json');
    const quiet = ['--nodns', 'none', '--warnings', 'off', '--color', '0', '--jsonfile', file];
    const target = ['--ip', '127.0.0.1', '--add-ca', ca, `https://${hostname}:${port}`];
    const ended = await run(['testssl', ...parts, ...quiet, ...target], { timeoutMs });
    const findings = JSON.parse(await readFile(file, 'utf8')) as readonly Finding[];
    if (!findings.some(({ id }) => id === 'scanTime')) throw new Error(`testssl.sh did not finish: ${ended.stdout}`);
    return findings;
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}
