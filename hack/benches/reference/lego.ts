import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { freePort } from '#test/lab/free-port.ts';
import { startPebble } from '#test/lab/pebble.ts';

const run = promisify(execFile);

/** Certificates per second of Debian's `lego`, which is run once for each, from a pebble with the settings of the instance's. */
export async function rateOfLego(certificates: number): Promise<number> {
  const directory = await mkdtemp('/dev/shm/wcp360-bench-lego-');
  const httpPort = await freePort();
  const pebble = await startPebble({ httpPort });
  try {
    const authority = join(directory, 'ca.crt');
    await writeFile(authority, pebble.ca);
    const issue = async (dnsName: string): Promise<void> => {
      const account = [
        '--server',
        pebble.directory,
        '--path',
        directory,
        '--email',
        'bench@lego.example',
        '--accept-tos',
      ];
      const way = ['--http', '--http.port', `127.0.0.1:${httpPort}`, '--key-type', 'ec256'];
      const env = { ...process.env, LEGO_CA_CERTIFICATES: authority };
      await run('/usr/bin/lego', [...account, ...way, '--domains', dnsName, 'run'], { env });
    };
    // The first opens the account.
    await issue('first.lego.example');
    const startedAt = performance.now();
    for (let n = 0; n < certificates; n++) await issue(`shop-${n}.lego.example`);
    return certificates / ((performance.now() - startedAt) / 1_000);
  } finally {
    await pebble.stop();
    await rm(directory, { recursive: true, force: true });
  }
}
