import type { ServerHost } from '#runtime/drivers/databases/server-host.ts';
import type { Host, ReadOnlyHost } from '#runtime/host/host.ts';
import { createFilesBeside } from './files-beside.ts';
import { mariadbPaths } from './mariadb-settings.ts';

/** The server that a machine keeps for itself, by its socket: the kernel says that we are root. */
export function ownServer(host: Host): ServerHost {
  return {
    server: '',
    readProgramText: host.readProgramText,
    machine: host,
    filesBeside: createFilesBeside(host),
    way: () => Promise.resolve({ socketDirectory: mariadbPaths(host.root).run }),
    isRemote: false,
    administrator: () => Promise.resolve({ username: 'root' }),
    hasServer: async (signal) => await hasOwnServer(host, signal),
    enter: async (signal) => ({
      stream: await host.connectUnix(mariadbPaths(host.root).socket, signal),
      username: 'root',
    }),
  };
}

/** Whether one was ever made. */
export async function hasOwnServer(host: ReadOnlyHost, signal: AbortSignal): Promise<boolean> {
  return (await host.facts(mariadbPaths(host.root).data, signal)) !== undefined;
}
