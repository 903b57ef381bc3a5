import { RefusedError } from '#runtime/base/errors.ts';
import { parseAddress, parseNetwork } from '#runtime/base/networks.ts';
import { isOpenAddress } from '#runtime/base/public-addresses.ts';

/** Where a repository is. */
export interface Remote {
  readonly scheme: 'https' | 'ssh' | 'file';
  readonly url: string;
  /** Without brackets; empty for `file`. */
  readonly host: string;
  readonly port: number;
}

/** Which remotes may be asked; what is not allowed is refused before anything is sent there. */
export interface RemotePolicy {
  /** Repositories of the machine itself. */
  readonly allowsFiles: boolean;
  /** Absent: any address. Else public addresses and these networks, such as `10.1.0.0/16`. */
  readonly networks?: readonly string[];
}

const defaultPorts = { https: 443, ssh: 22, file: 0 } as const;
const form =
  /^(?:(?:https:\/\/|ssh:\/\/\w[\w.-]*@)(?:\[(?<ipv6>[0-9a-f:.]+)\]|(?<name>[a-z0-9][a-z0-9.-]*))(?::(?<port>\d{1,5}))?|file:\/\/)(?<path>(?:\/[\w~][\w.~+-]*)+)$/;

/** Takes a URL apart; RefusedError for a form that is not supported, among them every helper program (`ext::`) and every option. */
export function parseRemote(url: string): Remote {
  const { groups = {} } = form.exec(url) ?? {};
  if (groups['path'] === undefined)
    throw new RefusedError(
      'UrlNotAllowed',
      'A repository is named by https://, ssh:// or file://, without a password.',
    );
  const scheme = url.slice(0, url.indexOf(':')) as Remote['scheme'];
  const port = groups['port'] === undefined ? defaultPorts[scheme] : Number(groups['port']);
  return { scheme, url, host: groups['ipv6'] ?? groups['name'] ?? '', port };
}

/**
 * The address to connect to, so that what was checked is what is connected to; `undefined` where any will do. RefusedError when policy forbids the remote:
 * a name of which one address is forbidden is forbidden.
 */
export async function permittedAddress(
  remote: Remote,
  policy: RemotePolicy,
  resolve: (hostname: string) => Promise<readonly string[]>,
): Promise<string | undefined> {
  if (remote.scheme === 'file') {
    if (policy.allowsFiles) return undefined;
    throw new RefusedError(
      'UrlNotAllowed',
      'Only Sources of the platform may name a repository of the machine itself.',
    );
  }
  if (policy.networks === undefined) return undefined;
  const open = policy.networks.flatMap((text) => parseNetwork(text) ?? []);
  const addresses = parseAddress(remote.host) === undefined ? await resolve(remote.host) : [remote.host];
  const forbidden = addresses.find((address) => !isOpenAddress(address, open));
  if (forbidden !== undefined)
    throw new RefusedError(
      'AddressNotAllowed',
      `${remote.host} has the address ${forbidden}, which is not a public one.`,
    );
  const [address] = addresses;
  if (address === undefined) throw new RefusedError('FetchFailed', `${remote.host} has no address.`);
  return address;
}
