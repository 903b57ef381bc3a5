import { formatIp, maskIp, parseIp, parseIpNetwork, type IpBytes } from '#runtime/validation/ip-address.ts';
import type { CelLibrary } from './functions.ts';
import { fail } from './text.ts';

class CelIp {
  readonly bytes: IpBytes;
  constructor(bytes: IpBytes) {
    this.bytes = bytes;
  }
}

class CelCidr {
  readonly bytes: IpBytes;
  readonly prefixBits: number;
  constructor(bytes: IpBytes, prefixBits: number) {
    this.bytes = bytes;
    this.prefixBits = prefixBits;
  }
}

/** `ip`, `cidr` and what belongs to them (Kubernetes CEL libraries "IP" and "CIDR"). */
export const networkLibrary: CelLibrary = {
  types: [
    { name: 'IP', ctor: CelIp, equals: (a: CelIp, b: CelIp) => isSame(a.bytes, b.bytes) },
    {
      name: 'CIDR',
      ctor: CelCidr,
      equals: (a: CelCidr, b: CelCidr) => a.prefixBits === b.prefixBits && isSame(a.bytes, b.bytes),
    },
  ],
  namespaces: ['ip'],
  functions: {
    'ip(string): IP': ipOf,
    'isIP(string): bool': (text: string) => parseIp(text) !== undefined,
    'string(IP): string': (ip: CelIp) => formatIp(ip.bytes),
    'IpNamespace.isCanonical(string): bool': (_ip: unknown, text: string) => formatIp(ipOf(text).bytes) === text,
    'IP.family(): int': (ip: CelIp) => (ip.bytes.length === 4 ? 4n : 6n),
    'IP.isUnspecified(): bool': (ip: CelIp) => ip.bytes.every((byte) => byte === 0),
    'IP.isLoopback(): bool': (ip: CelIp) => isLoopback(ip.bytes),
    'IP.isLinkLocalMulticast(): bool': (ip: CelIp) => isWithin(ip.bytes, '224.0.0.0/24', 'ff02::/16'),
    'IP.isLinkLocalUnicast(): bool': (ip: CelIp) => isWithin(ip.bytes, '169.254.0.0/16', 'fe80::/10'),
    'IP.isGlobalUnicast(): bool': (ip: CelIp) => isGlobalUnicast(ip.bytes),
    'cidr(string): CIDR': cidrOf,
    'isCIDR(string): bool': (text: string) => parseIpNetwork(text) !== undefined,
    'string(CIDR): string': (cidr: CelCidr) => `${formatIp(cidr.bytes)}/${cidr.prefixBits}`,
    'CIDR.ip(): IP': (cidr: CelCidr) => new CelIp(cidr.bytes),
    'CIDR.prefixLength(): int': (cidr: CelCidr) => BigInt(cidr.prefixBits),
    'CIDR.masked(): CIDR': (cidr: CelCidr) => new CelCidr(maskIp(cidr.bytes, cidr.prefixBits), cidr.prefixBits),
    'CIDR.containsIP(string): bool': (cidr: CelCidr, text: string) => containsIp(cidr, ipOf(text).bytes),
    'CIDR.containsIP(IP): bool': (cidr: CelCidr, ip: CelIp) => containsIp(cidr, ip.bytes),
    'CIDR.containsCIDR(string): bool': (cidr: CelCidr, text: string) => containsCidr(cidr, cidrOf(text)),
    'CIDR.containsCIDR(CIDR): bool': containsCidr,
  },
};

function ipOf(text: string): CelIp {
  const bytes = parseIp(text);
  return bytes === undefined ? fail(`IP Address ${JSON.stringify(text.slice(0, 100))} parse error`) : new CelIp(bytes);
}

function cidrOf(text: string): CelCidr {
  const network = parseIpNetwork(text);
  if (network === undefined) return fail(`network address ${JSON.stringify(text.slice(0, 100))} parse error`);
  return new CelCidr(network.bytes, network.prefixBits);
}

function isSame(a: IpBytes, b: IpBytes): boolean {
  return a.length === b.length && a.every((byte, index) => byte === b[index]);
}

function containsIp(cidr: CelCidr, bytes: IpBytes): boolean {
  return isSame(maskIp(cidr.bytes, cidr.prefixBits), maskIp(bytes, cidr.prefixBits));
}

function containsCidr(outer: CelCidr, inner: CelCidr): boolean {
  return inner.prefixBits >= outer.prefixBits && containsIp(outer, inner.bytes);
}

function isWithin(bytes: IpBytes, ...networks: readonly string[]): boolean {
  return networks.some((network) => containsIp(cidrOf(network), bytes));
}

function isLoopback(bytes: IpBytes): boolean {
  return isWithin(bytes, '127.0.0.0/8', '::1/128');
}

function isGlobalUnicast(bytes: IpBytes): boolean {
  const isBroadcast = bytes.length === 4 && bytes.every((byte) => byte === 255);
  return (
    !isBroadcast &&
    !bytes.every((byte) => byte === 0) &&
    !isLoopback(bytes) &&
    !isWithin(bytes, '224.0.0.0/4', 'ff00::/8', '169.254.0.0/16', 'fe80::/10')
  );
}
