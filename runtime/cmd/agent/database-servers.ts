import { HostError } from '#runtime/base/errors.ts';
import { startMariadb } from '#runtime/drivers/mariadb/index.ts';
import { startPostgresql } from '#runtime/drivers/postgresql/index.ts';
import type { Host, HostCapabilities } from '#runtime/host/host.ts';
import type { Logger } from '#runtime/telemetry/logger.ts';

/** The database servers of this machine, by the names of their drivers. */
export interface DatabaseServers {
  /** Starts one unless it runs, and makes it where there is none. HostError when it does not start. */
  start(name: string, signal: AbortSignal): Promise<void>;
}

interface Parts {
  readonly host: Host;
  readonly log: Logger;
  readonly signal: AbortSignal;
}

const names = ['postgresql', 'mariadb'] as const;
/** Of the machine's memory, for pages of tables of each server that somebody uses. */
const memoryShare = 1 / 16;
const connections = 500;

/** Servers that were made here before run from now on; others are made when somebody needs them. */
export async function openDatabaseServers({ host, log, signal }: Parts): Promise<DatabaseServers> {
  const capabilities = await host.capabilities(signal);
  const running = new Map<string, Promise<void>>();
  const servers: DatabaseServers = {
    start: async (name, asking) => {
      const starting = running.get(name) ?? startOne(name, { host, capabilities }, signal);
      running.set(name, starting);
      starting.catch(() => running.delete(name));
      asking.throwIfAborted();
      await starting;
    },
  };
  for (const name of names) {
    if ((await host.facts(`${host.root}/databases/${name}/data`, signal)) === undefined) continue;
    await servers.start(name, signal).catch((err: unknown) => {
      if (!(err instanceof HostError)) throw err;
      log.warn({ err, name }, 'the database server does not start');
    });
  }
  return servers;
}

async function startOne(
  name: string,
  { host, capabilities }: { readonly host: Host; readonly capabilities: HostCapabilities },
  signal: AbortSignal,
): Promise<void> {
  const { postgresql, mariadb, size } = capabilities;
  const { root } = host;
  if (name === 'postgresql' && postgresql !== undefined) {
    const { programs, uid, gid } = postgresql;
    return await startPostgresql(host, { root, programs, uid, gid, memoryBytes: size.memoryBytes }, signal);
  }
  if (name === 'mariadb' && mariadb !== undefined) {
    const { uid, gid } = mariadb;
    const bufferBytes = Math.floor(size.memoryBytes * memoryShare);
    return await startMariadb(host, { root, uid, gid, bufferBytes, connections }, signal);
  }
  throw new HostError(`this host has no ${name}`);
}
