import { required, RefusedError } from '#runtime/base/errors.ts';
import { addressText, leadingGroups, parseNetwork, type Network } from '#runtime/base/networks.ts';
import type { LoginSettings } from '#runtime/drivers/databases/model.ts';

/** Where the socket is, as the server calls it. */
export const bySocket = 'localhost';
export const anywhere = '%';

/** As the server calls the places that a login comes from: one account for each. RefusedError `HostsUnfit` for a network that it has no word for. */
export function hostsOf(origins: LoginSettings['origins'] = ['Socket']): readonly string[] {
  return [...new Set(origins.map(hostOf))];
}

function hostOf(origin: string): string {
  if (origin === 'Socket') return bySocket;
  if (origin === 'Anywhere') return anywhere;
  const network = required(parseNetwork(origin), 'a network');
  const host = network.width === 32 ? ipv4Host(network) : ipv6Host(network);
  if (host === undefined) throw new RefusedError('HostsUnfit', `MariaDB has no word for ${origin}.`);
  return host;
}

/** 192.0.2.0/24 → 192.0.2.0/255.255.255.0 */
function ipv4Host({ prefix, ...address }: Network): string {
  if (prefix === 32) return addressText(address);
  // A mask without a bit is none to the server.
  if (prefix === 0) return '%.%.%.%';
  const mask = (1n << 32n) - (1n << BigInt(32 - prefix));
  return `${addressText(address)}/${addressText({ bits: mask, width: 32 })}`;
}

/** The server has masks for IPv4 alone, and compares patterns with an address as text: 2001:db8::/32 → 2001:db8:% */
function ipv6Host(network: Network): string | undefined {
  if (network.prefix === network.width) return addressText(network);
  if (network.prefix === 0) return '%:%';
  const groups = leadingGroups(network);
  return groups && `${groups.join(':')}:%`;
}
