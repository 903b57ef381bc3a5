/** An address as a number, with its family's width. */
export interface Address {
  readonly bits: bigint;
  readonly width: 32 | 128;
}

export interface Network extends Address {
  readonly prefix: number;
}

/** An IPv4 or IPv6 address; `undefined` for anything else, octal and short forms too. An IPv4 address written as IPv6 (`::ffff:127.0.0.1`) is the IPv4 one. */
export function parseAddress(text: string): Address | undefined {
  return text.includes(':') ? parseIpv6(text) : parseIpv4(text);
}

/** `192.0.2.0/24`, or an address alone. */
export function parseNetwork(text: string): Network | undefined {
  const [addressText = '', prefixText] = text.split('/');
  const address = parseAddress(addressText);
  if (address === undefined) return undefined;
  const prefix = prefixText === undefined ? address.width : Number(prefixText);
  return Number.isInteger(prefix) && prefix >= 0 && prefix <= address.width ? { ...address, prefix } : undefined;
}

/** Whether an address lies in a network of its own family. */
export function contains(network: Network, address: Address): boolean {
  if (network.width !== address.width) return false;
  const shift = BigInt(network.width - network.prefix);
  return network.bits >> shift === address.bits >> shift;
}

/** The one way in which a network is written: `192.0.2.0/24`, `2001:db8::/32`; a single address with its prefix, too. */
export function networkText({ bits, width, prefix }: Network): string {
  const rest = BigInt(width - prefix);
  return `${addressText({ bits: (bits >> rest) << rest, width })}/${String(prefix)}`;
}

/** As systems write it: groups without leading zeros, the longest run of zeros left out. */
export function addressText({ bits, width }: Address): string {
  const [step, count, base] = width === 32 ? ([8, 4, 10] as const) : ([16, 8, 16] as const);
  const part = (index: number): string =>
    ((bits >> BigInt(width - step * (index + 1))) & ((1n << BigInt(step)) - 1n)).toString(base);
  const parts = Array.from({ length: count }, (_, index) => part(index));
  return width === 32 ? parts.join('.') : new URL(`http://[${parts.join(':')}]`).hostname.slice(1, -1);
}

const groupBits = 16;

/**
 * The groups with which the text of each address of a network of IPv6 begins, and that of no other; `undefined` where there are none such: the prefix ends within
 * a group, or a group is zero, which may be left out.
 */
export function leadingGroups({ bits, width, prefix }: Network): readonly string[] | undefined {
  const count = prefix / groupBits;
  if (width !== 128 || !Number.isInteger(count)) return undefined;
  const groups = Array.from(
    { length: count },
    (_, index) => (bits >> BigInt(width - groupBits * (index + 1))) & 0xffffn,
  );
  return groups.includes(0n) ? undefined : groups.map((group) => group.toString(16));
}

function parseIpv4(text: string): Address | undefined {
  const parts = text.split('.');
  if (parts.length !== 4 || !parts.every((part) => /^(0|[1-9]\d{0,2})$/.test(part) && Number(part) <= 255))
    return undefined;
  return { bits: parts.reduce((bits, part) => (bits << 8n) | BigInt(part), 0n), width: 32 };
}

function parseIpv6(text: string): Address | undefined {
  const embedded = /^(.*:)(\d+\.\d+\.\d+\.\d+)$/.exec(text);
  const ipv4 = embedded === null ? undefined : parseIpv4(embedded[2] ?? '');
  if (embedded !== null && ipv4 === undefined) return undefined;
  const hex =
    ipv4 === undefined
      ? text
      : `${embedded?.[1] ?? ''}${(ipv4.bits >> 16n).toString(16)}:${(ipv4.bits & 0xffffn).toString(16)}`;
  const groups = groupsOf(hex);
  if (groups === undefined) return undefined;
  const bits = groups.reduce((sum, group) => (sum << 16n) | BigInt(Number.parseInt(group, 16)), 0n);
  return bits >> 32n === 0xffffn ? { bits: bits & 0xffffffffn, width: 32 } : { bits, width: 128 };
}

/** Eight groups of hexadecimal digits, `::` filled up. */
function groupsOf(text: string): readonly string[] | undefined {
  const halves = text.split('::');
  if (halves.length > 2) return undefined;
  const [head = [], tail = []] = halves.map((half) => (half === '' ? [] : half.split(':')));
  const missing = 8 - head.length - tail.length;
  if (halves.length === 1 ? missing !== 0 : missing < 1) return undefined;
  const groups = [...head, ...Array.from({ length: halves.length === 2 ? missing : 0 }, () => '0'), ...tail];
  return groups.every((group) => /^[0-9a-f]{1,4}$/i.test(group)) ? groups : undefined;
}

/** The address to ask when all are listened on. */
export function reachable(address: string): string {
  if (address === '0.0.0.0') return '127.0.0.1';
  return address === '::' ? '::1' : address;
}
