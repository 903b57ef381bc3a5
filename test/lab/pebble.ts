import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { request } from 'node:https';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import type { DnsServer } from '#runtime/dns/ask.ts';
import { openLocalResolver } from '#runtime/dns/local-resolver.ts';
import { freePort } from './free-port.ts';
import { memoryDirectory } from './memory-directory.ts';
import { createLabAuthority } from './pki.ts';
import { labProcess } from './process.ts';
import { eventually } from './widgets.ts';

/** An ACME server of the test's own: Debian's pebble, on loopback. */
export interface Pebble {
  /** URL of its directory. */
  readonly directory: string;
  /** PEM of the authority behind its own certificate. */
  readonly ca: string;
  /** PEM of the root that it signs with; another one after each start. */
  root(): Promise<string>;
  kill(): Promise<void>;
  start(): Promise<void>;
  stop(): Promise<void>;
}

export interface PebbleOptions {
  /** Where the names are: each is at loopback. */
  readonly httpPort: number;
  readonly httpsPort?: number;
  /** Answers for the zones that it speaks for; all other names are at loopback. */
  readonly nameServer?: DnsServer;
  /** Such as `{ PEBBLE_WFE_NONCEREJECT: '20' }`. */
  readonly environment?: Readonly<Record<string, string>>;
  /** Ids of accounts that were opened elsewhere → their MAC keys, base64url: without one of them no account is opened. */
  readonly externalAccounts?: Readonly<Record<string, string>>;
}

/** Starts one; resolves when it answers. */
export async function startPebble(options: PebbleOptions): Promise<Pebble> {
  const directory = await mkdtemp(join(await memoryDirectory(), 'wcp360-pebble-'));
  const [port, managementPort] = [await freePort(), await freePort()];
  const authority = await createLabAuthority('pebble');
  const { cert, key } = await authority.server();
  const [certFile, keyFile, configFile] = ['server.crt', 'server.key', 'pebble.json'].map((name) =>
    join(directory, name),
  );
  await writeFile(String(certFile), cert);
  await writeFile(String(keyFile), key);
  const { externalAccounts } = options;
  const pebble = {
    listenAddress: `127.0.0.1:${port}`,
    managementListenAddress: `127.0.0.1:${managementPort}`,
    certificate: certFile,
    privateKey: keyFile,
    httpPort: options.httpPort,
    tlsPort: options.httpsPort ?? 1,
    externalAccountBindingRequired: externalAccounts !== undefined,
    ...(externalAccounts === undefined ? {} : { externalAccountMACKeys: externalAccounts }),
  };
  await writeFile(String(configFile), JSON.stringify({ pebble }));
  const lifetime = new AbortController();
  const resolver = { address: '127.0.0.1', port: await freePort() };
  await openLocalResolver(resolver, options.nameServer, lifetime.signal);
  const environment = { PEBBLE_VA_NOSLEEP: '1', PEBBLE_WFE_NONCEREJECT: '0', ...options.environment };
  const ca = authority.ca.toString();
  const root = async (): Promise<string> => await get(`https://127.0.0.1:${managementPort}/roots/0`, ca);
  const flags = ['-config', String(configFile), '-dnsserver', `127.0.0.1:${resolver.port}`, '-strict'];
  const pebbleProcess = labProcess('/usr/bin/pebble', flags, environment);
  const lab: Pebble = {
    directory: `https://127.0.0.1:${port}/dir`,
    ca,
    root,
    kill: pebbleProcess.kill,
    start: async () => {
      pebbleProcess.start();
      await eventually(async () => (await root()).includes('BEGIN'), 'pebble to answer');
    },
    stop: async () => {
      await lab.kill();
      lifetime.abort();
      await rm(directory, { recursive: true, force: true });
    },
  };
  await lab.start();
  return lab;
}

async function get(url: string, ca: string): Promise<string> {
  return await new Promise((resolve) => {
    const asked = request(url, { ca }, (response) => {
      text(response).then(resolve, () => resolve(''));
    });
    asked.once('error', () => resolve(''));
    asked.end();
  });
}
