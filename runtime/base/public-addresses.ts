import { contains, parseAddress, parseNetwork, type Network } from './networks.ts';

/** Addresses that are not those of a public server: own machine, private, link-local, multicast, reserved, and what is translated to IPv4. */
const closed = [
  ...['0.0.0.0/8', '10.0.0.0/8', '100.64.0.0/10', '127.0.0.0/8', '169.254.0.0/16', '172.16.0.0/12', '192.0.0.0/24'],
  ...['192.168.0.0/16', '198.18.0.0/15', '224.0.0.0/4', '240.0.0.0/4'],
  ...[
    '::/96',
    '64:ff9b::/96',
    '64:ff9b:1::/48',
    '100::/64',
    '2001::/32',
    '2002::/16',
    'fc00::/7',
    'fe80::/10',
    'fec0::/10',
    'ff00::/8',
  ],
].flatMap((text) => parseNetwork(text) ?? []);

/** Whether a tenant may have us ask what is at an address: a public one, or one of the networks that an administrator has opened. */
export function isOpenAddress(text: string, open: readonly Network[]): boolean {
  const address = parseAddress(text);
  if (address === undefined) return false;
  const lies = (network: Network): boolean => contains(network, address);
  return open.some(lies) || !closed.some(lies);
}
