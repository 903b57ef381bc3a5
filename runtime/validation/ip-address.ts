/** An address as its bytes: 4 of IPv4, 16 of IPv6. */
export type IpBytes = readonly number[];

/** A network: its address with the bits behind the prefix as written, and the length of the prefix. */
export interface IpNetwork {
  readonly bytes: IpBytes;
  readonly prefixBits: number;
}

/** Longest text of an address; longer ones are refused unread. */
const MAX_ADDRESS_CHARS = 45;

/** RFC 4291 §2.2 and dotted decimal without leading zeros; no zone, no brackets. Undefined when it is neither. */
export function parseIp(text: string): IpBytes | undefined {
  if (text.length > MAX_ADDRESS_CHARS) return undefined;
  return text.includes(':') ? parseIpv6(text) : parseIpv4(text);
}

/** `address/prefix`, the prefix in decimal without leading zeros. */
export function parseIpNetwork(text: string): IpNetwork | undefined {
  const slash = text.indexOf('/');
  if (slash === -1) return undefined;
  const bytes = parseIp(text.slice(0, slash));
  const digits = text.slice(slash + 1);
  if (bytes === undefined || !/^(0|[1-9]\d{0,2})$/.test(digits)) return undefined;
  const prefixBits = Number(digits);
  return prefixBits <= bytes.length * 8 ? { bytes, prefixBits } : undefined;
}

/** The address with everything behind the first `prefixBits` bits zeroed. */
export function maskIp(bytes: IpBytes, prefixBits: number): IpBytes {
  return bytes.map((byte, index) => {
    const bits = Math.min(Math.max(prefixBits - index * 8, 0), 8);
    return byte & (0xff << (8 - bits)) & 0xff;
  });
}

/** The canonical text: RFC 5952 for IPv6. */
export function formatIp(bytes: IpBytes): string {
  if (bytes.length === 4) return bytes.join('.');
  const groups = groupsOf(bytes);
  const run = longestZeroRun(groups);
  const words = groups.map((group) => group.toString(16));
  if (run.length < 2) return words.join(':');
  return `${words.slice(0, run.start).join(':')}::${words.slice(run.start + run.length).join(':')}`;
}

function groupsOf(bytes: IpBytes): readonly number[] {
  return Array.from({ length: 8 }, (_, index) => ((bytes[index * 2] ?? 0) << 8) | (bytes[index * 2 + 1] ?? 0));
}

function longestZeroRun(groups: readonly number[]): { readonly start: number; readonly length: number } {
  let best = { start: 0, length: 0 };
  let start = 0;
  for (const [index, group] of groups.entries()) {
    if (group !== 0) start = index + 1;
    else if (index + 1 - start > best.length) best = { start, length: index + 1 - start };
  }
  return best;
}

function parseIpv4(text: string): IpBytes | undefined {
  const parts = text.split('.');
  if (parts.length !== 4) return undefined;
  const bytes = parts.map((part) => (/^(0|[1-9]\d{0,2})$/.test(part) ? Number(part) : 256));
  return bytes.every((byte) => byte <= 255) ? bytes : undefined;
}

function parseIpv6(text: string): IpBytes | undefined {
  const halves = text.split('::');
  if (halves.length > 2) return undefined;
  const head = parseGroups(halves[0] ?? '', halves.length === 1);
  const tail = halves.length === 1 ? [] : parseGroups(halves[1] ?? '', true);
  if (head === undefined || tail === undefined) return undefined;
  const missing = 16 - head.length - tail.length;
  if (halves.length === 1 ? missing !== 0 : missing < 2) return undefined;
  return [...head, ...Array.from({ length: missing }, () => 0), ...tail];
}

function parseGroups(text: string, mayEndInIpv4: boolean): IpBytes | undefined {
  if (text === '') return [];
  const bytes: number[] = [];
  const groups = text.split(':');
  for (const [index, group] of groups.entries()) {
    if (group.includes('.')) {
      const embedded = mayEndInIpv4 && index === groups.length - 1 ? parseIpv4(group) : undefined;
      if (embedded === undefined) return undefined;
      bytes.push(...embedded);
    } else {
      if (!/^[0-9a-fA-F]{1,4}$/.test(group)) return undefined;
      const value = Number.parseInt(group, 16);
      bytes.push(value >> 8, value & 0xff);
    }
  }
  return bytes;
}
