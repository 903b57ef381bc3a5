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

/** The name that somebody registered, of which a hostname is one, or the hostname where that is none. */
export function registrableOf(hostname: string): string {
  return ancestorsOf(hostname).at(-1) ?? baseOf(hostname);
}

/** Names that nobody can register (RFC 6761): they lead nowhere, or to the machine that asks. */
const unregistrable = /(^|[.])(test|example|invalid|localhost)$/;

/** Whether nobody can own a name, so that nobody can show that he does. */
export function isUnregistrable(hostname: string): boolean {
  return unregistrable.test(hostname);
}
