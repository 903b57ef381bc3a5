import { createOwnServersKeeper, type StartableServer } from '#runtime/cmd/agent/own-servers.ts';
import type { OwnServersKeeper } from '#runtime/drivers/own-servers/model.ts';
import type { Host } from '#runtime/host/host.ts';

/** Database servers of a machine on which nobody has needed one so far: what is wanted of them is kept for the day that one is made. */
export function unmadeServers(host: Host): OwnServersKeeper {
  const unmade: StartableServer = {
    port: 0,
    hasServer: () => Promise.resolve(false),
    start: () => Promise.reject(new Error('it was never made')),
    placeIdentity: () => Promise.resolve(),
    reload: () => Promise.reject(new Error('it was never made')),
  };
  return createOwnServersKeeper(host, { postgresql: unmade, mariadb: unmade }, new AbortController().signal);
}
