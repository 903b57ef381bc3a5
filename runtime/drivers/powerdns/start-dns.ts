import { createHash, randomBytes } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { HostError } from '#runtime/base/errors.ts';
import type { Host, ServiceUnit } from '#runtime/host/host.ts';
import { accessFile, openApi, readAccess, type ApiAccess } from './api.ts';
import type { DnsSettings } from './dns-settings.ts';
import { renderConfiguration } from './render.ts';

const serviceName = 'pdns';
const loopback = '127.0.0.1';
const schemaFile = '/usr/share/pdns-backend-sqlite3/schema/schema.sqlite3.sql';
const readyTimeoutMs = 10_000;

/** The name server as a service; with another configuration it is another unit, and is started anew. */
export function dnsService(settings: DnsSettings, configuration: string): ServiceUnit {
  const directory = `${settings.root}/dns`;
  return {
    name: serviceName,
    command: ['/usr/sbin/pdns_server', `--config-dir=${directory}/conf`],
    environment: { WCP360_CONFIGURATION: createHash('sha256').update(configuration).digest('hex').slice(0, 12) },
    workingDirectory: '/',
    logPath: `${directory}/pdns.log`,
    restart: 'always',
    stopTimeoutMs: 3_000,
  };
}

/**
 * Brings the name server to these settings: makes its database from Debian's schema where it is SQLite's, writes its configuration, starts it, and
 * returns when its API answers. Nothing is written or started anew when all stands. HostError when it does not start.
 */
export async function startDns(host: Host, settings: DnsSettings, signal: AbortSignal): Promise<void> {
  await makeDirectories(host, settings, signal);
  if (settings.backend === 'sqlite') await makeDatabase(host, settings, signal);
  const { root, apiPort } = settings;
  const present = await readAccess(host, signal);
  const isOwn = present?.address === loopback && present.port === apiPort;
  const key = isOwn ? present.key : randomBytes(24).toString('hex');
  const configuration = renderConfiguration(settings, key);
  await placeAccess(host, { address: loopback, port: apiPort, key }, signal);
  await place(host, `${root}/dns/conf/pdns.conf`, configuration, signal);
  await host.services.start(dnsService(settings, configuration), signal);
  await untilItAnswers(host, signal);
}

/** Nothing when none runs. What it had stays. */
export async function stopDns(host: Host, signal: AbortSignal): Promise<void> {
  await host.services.stop(serviceName, signal);
}

/** Zones go to a server that somebody else runs from now on; its version. HostError while it does not answer. */
export async function attachDns(host: Host, access: ApiAccess, signal: AbortSignal): Promise<string> {
  await stopDns(host, signal);
  await host.makeDirectory(`${host.root}/dns`, { mode: 0o711, uid: 0, gid: 0 }, signal);
  await placeAccess(host, access, signal);
  const server = (await (await openApi(host, signal)).get('', signal)) as { readonly version: string };
  return server.version;
}

async function placeAccess(host: Host, access: ApiAccess, signal: AbortSignal): Promise<void> {
  await place(host, accessFile(host.root), JSON.stringify(access), signal);
}

async function makeDirectories(host: Host, { root, uid, gid }: DnsSettings, signal: AbortSignal): Promise<void> {
  await host.makeDirectory(`${root}/dns`, { mode: 0o711, uid: 0, gid: 0 }, signal);
  await host.makeDirectory(`${root}/dns/conf`, { mode: 0o700, uid: 0, gid: 0 }, signal);
  for (const name of ['data', 'run'])
    await host.makeDirectory(`${root}/dns/${name}`, { mode: 0o700, uid, gid }, signal);
}

/** Renamed into place when it is whole. */
async function makeDatabase(host: Host, { root, uid, gid }: DnsSettings, signal: AbortSignal): Promise<void> {
  const path = `${root}/dns/data/zones.db`;
  if ((await host.facts(path, signal)) !== undefined) return;
  const beside = `${path}.new`;
  await host.removeFile(beside, signal);
  const argv = ['/usr/bin/sqlite3', '-batch', '-bail', beside, `.read ${schemaFile}`];
  await host.run(argv, { uid, gid, timeoutMs: 30_000 }, signal);
  await host.rename(beside, path, signal);
}

async function place(host: Host, path: string, text: string, signal: AbortSignal): Promise<void> {
  if ((await host.readText(path, signal)) === text) return;
  await host.replaceFile(path, text, { mode: 0o600, uid: 0, gid: 0, durable: true }, signal);
}

async function untilItAnswers(host: Host, signal: AbortSignal): Promise<void> {
  const api = await openApi(host, signal);
  const deadline = performance.now() + readyTimeoutMs;
  for (;;) {
    try {
      await api.get('', signal);
      return;
    } catch (err) {
      if (!(err instanceof HostError) || performance.now() > deadline) throw err;
    }
    await delay(20, undefined, { signal });
  }
}
