/**
 * What people write for a value → how the server spells it, which it insists on: `undefined` when the value cannot be said in that type. Total and pure: whatever
 * text comes in, the answer is the content of exactly one record.
 */
export function contentOf(type: string, value: string): string | undefined {
  return spellings[type]?.(value);
}

const spellings: Readonly<Record<string, (value: string) => string | undefined>> = {
  A: (value) => value,
  AAAA: canonicalIpv6,
  ALIAS: targetName,
  CAA: caaContent,
  CNAME: targetName,
  DS: withLast((word) => word.toLowerCase()),
  HTTPS: serviceContent,
  MX: withLast(targetName),
  NAPTR: naptrContent,
  NS: targetName,
  PTR: targetName,
  SRV: withLast(targetName),
  SSHFP: withLast((word) => word.toLowerCase()),
  SVCB: serviceContent,
  TLSA: withLast((word) => word.toLowerCase()),
  TXT: quotedText,
};

/** Spells the last word of a value, and leaves what is before it. */
function withLast(spell: (word: string) => string | undefined): (value: string) => string | undefined {
  return (value) => {
    const from = value.lastIndexOf(' ') + 1;
    const last = spell(value.slice(from));
    return last === undefined ? undefined : `${value.slice(0, from)}${last}`;
  };
}

/** With the dot at its end; on the wire it is 255 bytes (RFC 1035 §2.3.4). */
const mostNameCharacters = 254;

function targetName(name: string): string | undefined {
  const rooted = rootedName(name);
  return rooted.length > mostNameCharacters ? undefined : rooted;
}

/** A whole name in lower case with the dot at its end. */
export function rootedName(name: string): string {
  return name.endsWith('.') ? name.toLowerCase() : `${name.toLowerCase()}.`;
}

/** The whole name of what a zone calls `name`, with the dot at its end. */
export function wholeName(name: string, zone: string): string {
  return rootedName(name === '@' ? zone : `${name}.${zone}`);
}

const stringBytes = 255;

/** Strings of at most 255 bytes each, which readers put together again (RFC 7208 §3.3); what is not plain ASCII is escaped by its number. */
function quotedText(text: string): string {
  const bytes = Buffer.from(text).toString('latin1');
  const strings: string[] = [];
  for (let from = 0; from === 0 || from < bytes.length; from += stringBytes) {
    const string = bytes.slice(from, from + stringBytes);
    strings.push(`"${string.replaceAll(/[^ -~]|["\\]/g, escapedByte)}"`);
  }
  return strings.join(' ');
}

/** Of a byte that cannot stand as it is. */
function escapedByte(letter: string): string {
  if (letter === '"' || letter === '\\') return `\\${letter}`;
  return `\\${String(letter.charCodeAt(0)).padStart(3, '0')}`;
}

/** Flags, service and expression are one string each. */
function naptrContent(value: string): string | undefined {
  const strings = value.split('"').filter((_, index) => index % 2 === 1);
  return strings.some(({ length }) => length > stringBytes) ? undefined : withLast(targetName)(value);
}

/** RFC 5952. The server takes no address of IPv4 in the clothes of IPv6. */
function canonicalIpv6(address: string): string | undefined {
  if (!URL.canParse(`http://[${address}]/`)) return undefined;
  const canonical = new URL(`http://[${address}]/`).hostname.slice(1, -1);
  return /^::(ffff:)?[0-9a-f]{1,4}:[0-9a-f]{1,4}$/.test(canonical) ? undefined : canonical;
}

function caaContent(value: string): string {
  const [flags = '', property = ''] = value.split(' ');
  const rest = value.slice(flags.length + property.length + 2);
  return `${flags} ${property} ${rest.startsWith('"') ? rest : `"${rest}"`}`;
}

/** In order of their numbers (RFC 9460 §14.3.2). */
const serviceParameters = ['mandatory', 'alpn', 'no-default-alpn', 'port', 'ipv4hint', 'ech', 'ipv6hint'];

function serviceContent(value: string): string | undefined {
  const [priority = '', target = '', ...parameters] = value.split(' ');
  const named = new Map(parameters.map((parameter) => [parameter.split('=', 1)[0] ?? '', parameter]));
  if (named.size < parameters.length || (priority === '0' && named.size > 0)) return undefined;
  const present = serviceParameters.filter((name) => named.has(name));
  const spelled = present.map((name) =>
    spelledParameter(name, (named.get(name) ?? '').slice(name.length + 1), present.slice(1)),
  );
  const parts = [priority, targetName(target), ...spelled];
  return parts.includes(undefined) ? undefined : parts.join(' ');
}

/** `others` are the names that `mandatory` may list, which are those of the parameters beside it (RFC 9460 §8). */
function spelledParameter(name: string, value: string, others: readonly string[]): string | undefined {
  if (name === 'no-default-alpn') return name;
  if (name === 'mandatory') return mandatoryParameter(value.split(','), others);
  if (name === 'alpn' && value.split(',').some(({ length }) => length > stringBytes)) return undefined;
  if (name === 'ech') return `ech="${value}"`;
  if (name !== 'ipv6hint') return `${name}=${value}`;
  const addresses = value.split(',').map(canonicalIpv6);
  return addresses.includes(undefined) ? undefined : `ipv6hint=${addresses.join(',')}`;
}

function mandatoryParameter(names: readonly string[], others: readonly string[]): string | undefined {
  const isSaid = new Set(names).size === names.length && names.every((name) => others.includes(name));
  return isSaid ? `mandatory=${others.filter((name) => names.includes(name)).join(',')}` : undefined;
}
