import { HostError } from '#runtime/base/errors.ts';
import { reachable } from '#runtime/base/networks.ts';
import type { AgentConfig } from '#runtime/config/programs.ts';
import type { DnsServer } from '#runtime/dns/ask.ts';
import { startDns } from '#runtime/drivers/powerdns/index.ts';
import type { Host } from '#runtime/host/host.ts';
import type { Logger } from '#runtime/telemetry/logger.ts';

/** The name server of this machine, and where it is asked. */
export interface NameServer extends DnsServer {
  readonly version: string;
}

interface Parts {
  readonly host: Host;
  readonly log: Logger;
  readonly signal: AbortSignal;
}

/** `undefined` where none is wanted or installed, or where it does not start: the agent does everything else then. */
export async function startNameServer(
  { root, dnsAddresses, dnsPort, dnsApiPort, dnsResolver }: AgentConfig,
  { host, log, signal }: Parts,
): Promise<NameServer | undefined> {
  const { powerdns } = await host.capabilities(signal);
  if (powerdns === undefined || dnsPort === 0) {
    await host.services.stop('pdns', signal);
    return undefined;
  }
  const { version, uid, gid } = powerdns;
  const [first = '127.0.0.1'] = dnsAddresses;
  const resolver = dnsResolver === '' ? undefined : dnsResolver;
  try {
    const settings = { root, addresses: dnsAddresses, port: dnsPort, apiPort: dnsApiPort, resolver, uid, gid };
    await startDns(host, settings, signal);
    return { version, address: reachable(first), port: dnsPort };
  } catch (err) {
    if (!(err instanceof HostError)) throw err;
    log.warn({ err }, 'the name server does not start');
    return undefined;
  }
}
