import { readFile } from 'node:fs/promises';
import { backoffMs } from '#runtime/base/backoff.ts';
import { systemClock } from '#runtime/base/clock.ts';
import { HostError } from '#runtime/base/errors.ts';
import { reachable } from '#runtime/base/networks.ts';
import type { AgentConfig } from '#runtime/config/programs.ts';
import type { DnsServer } from '#runtime/dns/ask.ts';
import { parseServerAddress } from '#runtime/dns/server-address.ts';
import { attachDns, startDns, stopDns } from '#runtime/drivers/powerdns/index.ts';
import type { Host } from '#runtime/host/host.ts';
import type { Logger } from '#runtime/telemetry/logger.ts';

/** The name server of this machine, and where it is asked. */
export interface NameServer extends DnsServer {
  readonly version: string;
}

type DnsConfig = Pick<
  AgentConfig,
  'root' | 'dnsAddresses' | 'dnsPort' | 'dnsApiPort' | 'dnsBackend' | 'dnsResolver' | 'dnsServer' | 'dnsServerKeyFile'
>;

interface Parts {
  readonly host: Host;
  readonly log: Logger;
  readonly signal: AbortSignal;
}

const patience = { firstMs: 1_000, maxMs: 60_000, factor: 2, jitterRatio: 0.2 };

/** `undefined` where none is wanted or installed. One that does not start is there all the same: zones wait for it, and it is tried again until `signal` aborts. */
export async function startNameServer(config: DnsConfig, parts: Parts): Promise<NameServer | undefined> {
  if (config.dnsPort === 0) {
    await stopDns(parts.host, parts.signal);
    return undefined;
  }
  const version = await (config.dnsServer === '' ? startOwn(config, parts) : attach(config, parts));
  const [first = '127.0.0.1'] = config.dnsAddresses;
  return version === undefined ? undefined : { version, address: reachable(first), port: config.dnsPort };
}

/** Its version. */
async function startOwn(config: DnsConfig, { host, log, signal }: Parts): Promise<string | undefined> {
  const { root, dnsAddresses, dnsPort, dnsApiPort, dnsBackend, dnsResolver } = config;
  const { powerdns } = await host.capabilities(signal);
  if (powerdns === undefined || !powerdns.backends.includes(dnsBackend)) {
    await stopDns(host, signal);
    const missing = `there is no PowerDNS with the backend ${dnsBackend}, so no name server: install pdns-server and pdns-backend-${dnsBackend === 'sqlite' ? 'sqlite3' : dnsBackend}`;
    if (powerdns !== undefined) log.warn({}, missing);
    return undefined;
  }
  const { version, uid, gid } = powerdns;
  const settings = {
    root,
    backend: dnsBackend,
    addresses: dnsAddresses,
    port: dnsPort,
    apiPort: dnsApiPort,
    resolver: dnsResolver === '' ? undefined : dnsResolver,
    uid,
    gid,
  };
  const start = async (): Promise<boolean> => {
    try {
      await startDns(host, settings, signal);
      return true;
    } catch (err) {
      if (signal.aborted || !(err instanceof HostError)) throw err;
      log.warn({ err }, 'the name server does not start; it is tried again');
      return false;
    }
  };
  if (!(await start())) void untilItStarts(start, signal).catch((err: unknown) => reportUnless(signal, log, err));
  return version;
}

async function untilItStarts(start: () => Promise<boolean>, signal: AbortSignal): Promise<void> {
  for (let attempt = 1; ; attempt += 1) {
    await systemClock.sleep(backoffMs(patience, attempt), signal);
    if (await start()) return;
  }
}

function reportUnless(signal: AbortSignal, log: Logger, err: unknown): void {
  if (!signal.aborted) log.error({ err }, 'the name server is not tried again');
}

/** Its version, where it tells it now: zones wait for a server that is down. */
async function attach(config: DnsConfig, { host, log, signal }: Parts): Promise<string> {
  const { dnsServer, dnsServerKeyFile } = config;
  const at = parseServerAddress(dnsServer);
  if (at === undefined) throw new HostError(`--dns-server: "${dnsServer}" is no address and port`);
  if (dnsServerKeyFile === '')
    throw new HostError('--dns-server needs --dns-server-key-file: the api-key of its configuration');
  const key = (await readFile(dnsServerKeyFile, 'utf8')).trim();
  try {
    return await attachDns(host, { ...at, key }, signal);
  } catch (err) {
    if (!(err instanceof HostError)) throw err;
    log.warn({ err }, 'the name server does not answer; zones wait for it');
    return 'unknown';
  }
}
