import type { Engine } from '#controllers/database-names.ts';
import type { RemoteAddress, ServerOnHost } from '#controllers/database-server.ts';
import { defined } from '#controllers/whereabouts.ts';
import { leadingGroups, networkText, parseNetwork, type Network } from '#runtime/base/networks.ts';
import type { Refused } from '#runtime/manager/controller.ts';

/** From where a login may come, as drivers are told; absent: by the server's socket. */
export interface Origin {
  readonly origins?: readonly string[];
  /** Where it is reached by those who do not come by the socket. */
  readonly remote?: RemoteAddress;
  /** Why it does not come from where it is to. */
  readonly unready?: { readonly reason: string; readonly message: string };
}

/**
 * Networks that a DatabaseUser names, where the server itself can keep to them. Who names none comes by the socket, or from anywhere to a server elsewhere. Where
 * there is a socket, a login that cannot be had over the network is had by that, and `unready` says so.
 */
export function originOf(hosts: readonly string[], server: ServerOnHost): Origin | Refused {
  const { engine, address, network } = server;
  const isBySocket = 'socketDirectory' in address;
  if (hosts.length === 0) return isBySocket || engine === 'PostgreSQL' ? {} : { origins: ['Anywhere'] };
  const networks = hosts.map(parseNetwork).filter((each) => each !== undefined);
  const objection = isBySocket ? objectionHere(server) : objectionElsewhere(server);
  const message = objection ?? objectionTo(hosts, networks, engine);
  if (message !== undefined) {
    const reason = { reason: 'HostsUnfit', message };
    return isBySocket
      ? { unready: { ...reason, message: `It can log in by the socket alone. ${message}` } }
      : { refused: reason };
  }
  const origins = [...new Set(networks.map(networkText))].toSorted();
  return isBySocket ? { origins: ['Socket', ...origins], ...defined({ remote: network }) } : { origins };
}

function objectionHere({ elsewhere, network }: ServerOnHost): string | undefined {
  if (elsewhere !== undefined)
    return 'Who comes to Debian’s own server over the network is its administrator’s to say: leave spec.hosts away.';
  return network === undefined
    ? 'Its server has no network: an administrator may give it one (spec.managed.network of a DatabaseServer); or leave spec.hosts away.'
    : undefined;
}

function objectionElsewhere({ engine }: ServerOnHost): string | undefined {
  return engine === 'PostgreSQL'
    ? 'PostgreSQL keeps to networks by its pg_hba.conf, which the administrator of the server writes: leave spec.hosts away.'
    : undefined;
}

/** MariaDB compares addresses of IPv6 as text. */
function objectionTo(hosts: readonly string[], networks: readonly Network[], engine: Engine): string | undefined {
  if (networks.length < hosts.length) return 'spec.hosts has something that is no network.';
  const isKnown = (network: Network): boolean =>
    network.width === 32 || network.prefix === 0 || network.prefix === 128 || leadingGroups(network) !== undefined;
  const unknown = engine === 'MariaDB' ? networks.find((network) => !isKnown(network)) : undefined;
  return unknown === undefined
    ? undefined
    : `MariaDB cannot keep to ${networkText(unknown)}: of IPv6 it knows single addresses, and networks with a prefix of 16, 32 and so on up to 112 of which no group is zero.`;
}
