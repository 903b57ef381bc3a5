import { getPublicSuffix } from 'tldts';

const RULES = { allowPrivateDomains: true, validateHostname: false } as const;

/** `shop.acme.example` of `*.shop.acme.example`; any other name is its own base. */
export function baseOf(hostname: string): string {
  return hostname.startsWith('*.') ? hostname.slice(2) : hostname;
}

/** True for a name under which everybody registers (`co.uk`, `github.io`, `localhost`), and for a wildcard below one. */
export function isPublicSuffix(hostname: string): boolean {
  const base = baseOf(hostname);
  return getPublicSuffix(base, RULES) === base;
}

/**
 * Names above a hostname that somebody could own, nearest first, without the public suffix:
 * `a.b.acme.example` → `b.acme.example`, `acme.example`. A wildcard stands below its base: `*.acme.example` → `acme.example`.
 */
export function ancestorsOf(hostname: string): readonly string[] {
  const base = baseOf(hostname);
  const suffixLabels = (getPublicSuffix(base, RULES) ?? '').split('.').length;
  const labels = base.split('.');
  const first = hostname === base ? 1 : 0;
  const ancestors: string[] = [];
  for (let start = first; start < labels.length - suffixLabels; start += 1)
    ancestors.push(labels.slice(start).join('.'));
  return ancestors;
}

/** Names of addresses: whoever has the addresses has the zone, whatever its length. */
const ofAddresses = /[.](in-addr|ip6)[.]arpa$/;

/** The name that somebody registered, of which a hostname is one, or the hostname where that is none. */
export function registrableOf(hostname: string): string {
  return ofAddresses.test(hostname) ? baseOf(hostname) : (ancestorsOf(hostname).at(-1) ?? baseOf(hostname));
}

/** Names that nobody can register: they lead nowhere, or to the machine that asks (RFC 6761), or name addresses of private networks and of examples (RFC 6303). */
const unregistrable: readonly RegExp[] = [
  /(^|[.])(test|example|invalid|localhost)$/,
  /(^|[.])(0|10|127|254[.]169|168[.]192|(1[6-9]|2[0-9]|3[01])[.]172|2[.]0[.]192|100[.]51[.]198|113[.]0[.]203)[.]in-addr[.]arpa$/,
  /(^|[.])(8[.]b[.]d[.]0[.]1[.]0[.]0[.]2|d[.]f|[89ab][.]e[.]f)[.]ip6[.]arpa$/,
];

/** Whether nobody can own a name, so that nobody can show that he does. */
export function isUnregistrable(hostname: string): boolean {
  return unregistrable.some((pattern) => pattern.test(hostname));
}
