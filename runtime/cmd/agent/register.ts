import { backoffMs } from '#runtime/base/backoff.ts';
import { rfc3339, systemClock } from '#runtime/base/clock.ts';
import { Wcp360Error } from '#runtime/base/errors.ts';
import { hostReference, hostStatus } from '#controllers/host/registration.ts';
import { hostKind, type Host as HostResource } from '#schemas/v1alpha1/host.ts';
import type { Client } from '#runtime/client/client.ts';
import { resourceTypeOf } from '#runtime/client/resource-type.ts';
import { installedPostgresql } from '#runtime/drivers/postgresql/index.ts';
import type { Host } from '#runtime/host/host.ts';
import type { NameServer } from './start-name-server.ts';
import type { Logger } from '#runtime/telemetry/logger.ts';

export interface Registration {
  readonly client: Client;
  readonly host: Host;
  readonly dns: NameServer | undefined;
  readonly hostName: string;
  /** Where the web front speaks TLS; 0 where it does not. */
  readonly httpsPort: number;
  /** Whether it speaks HTTP/3 there, too. */
  readonly http3: boolean;
  readonly log: Logger;
  readonly signal: AbortSignal;
}

const fieldManager = 'wcp360-agent';
const patience = { firstMs: 100, maxMs: 2_000, factor: 2, jitterRatio: 0.2 };
const agentVersion = '0.1.0';
const type = resourceTypeOf(hostKind);

/** Tells in the Host object what this machine has. A server that does not answer yet is waited for: what the host serves goes on meanwhile. */
export async function registerHost(registration: Registration): Promise<void> {
  const { log, signal } = registration;
  for (let attempt = 1; ; attempt += 1) {
    try {
      await register(registration);
      return;
    } catch (err) {
      if (signal.aborted || !(err instanceof Wcp360Error) || err.retry !== 'backoff') throw err;
      const waitMs = backoffMs(patience, attempt);
      log.warn({ err, waitMs }, 'the server does not answer yet');
      await systemClock.sleep(waitMs, signal);
    }
  }
}

async function register({ client, host, dns, hostName, httpsPort, http3, signal }: Registration): Promise<void> {
  const facts = {
    name: hostName,
    root: host.root,
    agentVersion,
    capabilities: await host.capabilities(signal),
    postgresql: await installedPostgresql(host, signal),
    services: { manager: host.services.manager, limitsEnforced: host.services.slices !== undefined },
    dns,
    httpsPort,
    http3,
    hasAccounts: false,
    takenNames: [],
  };
  const present = await client.get<HostResource>(type, { name: hostName }, signal);
  const status = hostStatus(facts, present, rfc3339(Date.now()));
  const object = { ...hostReference(hostName), status };
  await client.apply(type, object, { fieldManager, force: true, subresource: 'status', signal });
}
