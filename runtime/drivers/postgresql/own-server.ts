import type { ServerHost } from '#runtime/drivers/databases/server-host.ts';
import type { Host, ReadOnlyHost } from '#runtime/host/host.ts';
import { administrator, serverDirectory, socketDirectory } from './render.ts';

/** The server that a machine keeps for itself, by its socket: the kernel says that we are root. */
export function ownServer(host: Host): ServerHost {
  return {
    server: '',
    readProgramText: host.readProgramText,
    machine: host,
    way: { socketDirectory: socketDirectory(host.root) },
    administrator: () => Promise.resolve({ username: administrator }),
    hasServer: async (signal) => await hasOwnServer(host, signal),
    enter: async (signal) => ({
      stream: await host.connectUnix(`${socketDirectory(host.root)}/.s.PGSQL.5432`, signal),
      username: administrator,
    }),
  };
}

/** Whether one was made. */
export async function hasOwnServer(host: ReadOnlyHost, signal: AbortSignal): Promise<boolean> {
  return (await host.facts(`${serverDirectory(host.root)}/data`, signal)) !== undefined;
}
