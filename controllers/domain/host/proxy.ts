import { parseNetwork, contains, parseAddress } from '#runtime/base/networks.ts';
import { domainDirectory } from '#schemas/meta/tenant-tree.ts';
import type { Domain } from '#schemas/v1alpha1/domain.ts';
import type { ProxyTarget } from '#runtime/drivers/nginx/model.ts';
import type { Surroundings } from './surroundings.ts';
import type { Problem } from './inputs.ts';

/** sun_path of a unix socket, less its closing NUL (unix(7)). */
const SOCKET_PATH_BYTES = 107;

type AddressTarget = Extract<ProxyTarget, { type: 'address' }>;

/**
 * Where a Domain's requests go: a socket below its own directory, or an address in a network and port that the package allows.
 * A name instead of an address passes here when its port is allowed somewhere; the front compares each address that it resolves to with `allowed`.
 */
export function proxyTargetOf(domain: Domain, around: Surroundings): ProxyTarget | Problem {
  const { socket, url } = domain.spec.proxy ?? {};
  if (socket !== undefined) return socketTarget(domain, socket, around.root);
  const target = parseUpstream(url ?? '');
  if (target === undefined) return notAllowed(url ?? '');
  const allowed = (around.effective.proxyTargets ?? [])
    .map(({ cidr, ports }) => ({ cidr, ...portsOf(ports) }))
    .filter(({ fromPort, toPort }) => target.port >= fromPort && target.port <= toPort);
  const matching =
    parseAddress(target.host) === undefined ? allowed : allowed.filter(({ cidr }) => isWithin(target.host, cidr));
  return matching.length === 0 ? notAllowed(url ?? '') : { ...target, allowed: matching };
}

function socketTarget(domain: Domain, socket: string, root: string): ProxyTarget | Problem {
  const { namespace = '', name } = domain.metadata;
  const path = `${root}/${domainDirectory(namespace, name)}/${socket}`;
  if (path.length > SOCKET_PATH_BYTES) {
    return {
      reason: 'SocketPathTooLong',
      message: `The path of the socket is ${String(path.length)} bytes long; the system allows ${String(SOCKET_PATH_BYTES)}. Choose a shorter name.`,
    };
  }
  return { type: 'socket', path };
}

function parseUpstream(url: string): Omit<AddressTarget, 'allowed'> | undefined {
  const match = /^(https?):\/\/(?:\[([0-9a-f:.]+)\]|([a-z0-9.-]+))(?::(\d{1,5}))?$/.exec(url);
  if (match === null) return undefined;
  const [, scheme, ipv6, name, port] = match;
  const isTls = scheme === 'https';
  return {
    type: 'address',
    scheme: isTls ? 'https' : 'http',
    host: ipv6 ?? name ?? '',
    port: port === undefined ? (isTls ? 443 : 80) : Number(port),
  };
}

function portsOf(ports: number | string): { readonly fromPort: number; readonly toPort: number } {
  const [from = '0', to = from] = String(ports).split('-');
  return { fromPort: Number(from), toPort: Number(to) };
}

function isWithin(address: string, cidr: string): boolean {
  const parsed = parseAddress(address);
  const network = parseNetwork(cidr);
  return parsed !== undefined && network !== undefined && contains(network, parsed);
}

function notAllowed(url: string): Problem {
  return { reason: 'ProxyTargetNotAllowed', message: `The package does not allow ${url} as a proxy target.` };
}
