import type { ServerOnHost } from '#controllers/database-server.ts';
import type { Refused } from '#runtime/manager/controller.ts';

/** From where a login may come, as drivers are told; absent: by the server's socket. */
export interface Origin {
  readonly from?: string;
}

/** Networks that a DatabaseUser names, where the server itself can keep to them. Who names none comes by the socket, or from anywhere to a server elsewhere. */
export function originOf(hosts: readonly string[], { engine, address }: ServerOnHost): Origin | Refused {
  const [network, ...more] = hosts;
  if ('socketDirectory' in address)
    return network === undefined ? {} : unfit('Its server is reached by its socket alone: leave spec.hosts away.');
  if (engine === 'PostgreSQL')
    return network === undefined
      ? {}
      : unfit(
          'PostgreSQL keeps to networks by its pg_hba.conf, which the administrator of the server writes: leave spec.hosts away.',
        );
  if (network === undefined) return { from: 'Anywhere' };
  if (more.length > 0) return unfit('MariaDB knows one network for a login: make a DatabaseUser for each.');
  if (network.includes(':')) return unfit('MariaDB knows networks of IPv4 only.');
  return { from: network };
}

function unfit(message: string): Refused {
  return { refused: { reason: 'HostsUnfit', message } };
}
