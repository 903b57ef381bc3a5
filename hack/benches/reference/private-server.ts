import type { Engine } from '#controllers/database-names.ts';
import { openDatabaseServers } from '#runtime/cmd/agent/database-servers.ts';
import type { Host } from '#runtime/host/host.ts';
import { silentLogger } from '#runtime/telemetry/logger.ts';
import { realMachine } from '#test/runtime/host/machines.ts';

/** A server below a root of its own on tmpfs, made and set up as the agent does it. */
export interface PrivateServer {
  readonly host: Host;
  close(): Promise<void>;
}

export async function openPrivateServer(engine: Engine): Promise<PrivateServer> {
  const { host, close } = await realMachine();
  const lifetime = new AbortController();
  const stop = async (): Promise<void> => {
    lifetime.abort();
    await close();
  };
  const { signal } = lifetime;
  try {
    const servers = await openDatabaseServers({ host, log: silentLogger, signal });
    await servers[engine === 'PostgreSQL' ? 'postgresql' : 'mariadb'].start?.(signal);
  } catch (err) {
    await stop();
    throw err;
  }
  return { host, close: stop };
}
