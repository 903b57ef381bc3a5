import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { X509Certificate } from 'node:crypto';
import { freePort } from './free-port.ts';
import { memoryDirectory } from './memory-directory.ts';
import type { LabAuthority } from './pki.ts';
import { labProcess, type LabProcess } from './process.ts';
import { run } from './run.ts';
import { eventually } from './widgets.ts';

/** Says for an authority which of its certificates have been revoked: OpenSSL's own responder, on loopback. */
export interface Responder extends Pick<LabProcess, 'kill' | 'pause' | 'resume'> {
  readonly url: string;
  /** What it says of these from now on; of all others that it does not know them. */
  serve(good: readonly string[], revoked?: readonly string[]): Promise<void>;
  stop(): Promise<void>;
}

/** Its words hold for two hours. */
const minutes = '120';

/** Starts one that knows no certificate. `certificates` of `serve` are PEM. */
export async function startResponder({ ca, key }: LabAuthority): Promise<Responder> {
  const directory = await mkdtemp(join(await memoryDirectory(), 'wcp360-responder-'));
  const port = await freePort();
  const path = (name: string): string => join(directory, name);
  await writeFile(path('ca.pem'), ca);
  await writeFile(path('ca.key'), key);
  const signer = ['-rsigner', path('ca.pem'), '-rkey', path('ca.key'), '-CA', path('ca.pem')];
  const flags = ['ocsp', '-index', path('index.txt'), '-port', String(port), '-nmin', minutes, ...signer];
  // Whoever only connects has it wait for ever.
  const question = [
    'openssl',
    'ocsp',
    '-issuer',
    path('ca.pem'),
    '-noverify',
    '-serial',
    '1',
    '-host',
    `127.0.0.1:${port}`,
  ];
  const running = labProcess('/usr/bin/openssl', flags);
  const responder: Responder = {
    ...running,
    url: `http://127.0.0.1:${port}/status`,
    serve: async (good, revoked = []) => {
      await running.kill();
      const lines = [...good.map((pem) => lineOf(pem, false)), ...revoked.map((pem) => lineOf(pem, true))];
      await writeFile(path('index.txt'), lines.join(''));
      running.start();
      await eventually(async () => (await run(question)).exitCode === 0, 'the responder to answer');
    },
    stop: async () => {
      await running.kill();
      await rm(directory, { recursive: true, force: true });
    },
  };
  await responder.serve([]);
  return responder;
}

/** As `openssl ca` keeps its index. */
function lineOf(pem: string, isRevoked: boolean): string {
  const { serialNumber, validToDate } = new X509Certificate(pem);
  const time = (date: Date): string => `${date.toISOString().slice(2, 19).replaceAll(/[-:T]/gu, '')}Z`;
  const state = isRevoked ? ['R', time(validToDate), time(new Date())] : ['V', time(validToDate), ''];
  return `${[...state, serialNumber, 'unknown', '/CN=site'].join('\t')}\n`;
}
