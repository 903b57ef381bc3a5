import { required } from '#runtime/base/errors.ts';
import type { ServerHost } from '#runtime/drivers/databases/server-host.ts';
import type { Host, ReadOnlyHost } from '#runtime/host/host.ts';
import { placeAdmissions } from './admissions.ts';
import { administrator, serverDirectory, socketDirectory } from './render.ts';

/** The server that a machine keeps for itself, by its socket: the kernel says that we are root. */
export function ownServer(host: Host): ServerHost {
  return {
    server: '',
    readProgramText: host.readProgramText,
    machine: host,
    way: () => Promise.resolve({ socketDirectory: socketDirectory(host.root) }),
    isRemote: false,
    administrator: () => Promise.resolve({ username: administrator }),
    admit: async (networks, signal) => {
      const conf = await host.facts(`${serverDirectory(host.root)}/conf`, signal);
      return await placeAdmissions(host, networks, required(conf, 'the configuration of PostgreSQL'), signal);
    },
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
