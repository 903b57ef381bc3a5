import { X509Certificate, createPrivateKey, createPublicKey, type KeyObject } from 'node:crypto';
import { parseAddress } from '#runtime/base/networks.ts';

/** A certificate and its key, PEM. */
export interface PemPair {
  readonly certificate: string;
  readonly key: string;
}

/** What a certificate is for: TLS server, TLS client, or both (etcd peers). */
export type Usage = 'server' | 'client';

/** What a certificate should say. */
export interface CertificateOrder {
  readonly commonName: string;
  readonly organizations: readonly string[];
  /** Host names and addresses. */
  readonly names: readonly string[];
  readonly usages: readonly Usage[];
}

export const usageIds: Readonly<Record<Usage, string>> = {
  server: '1.3.6.1.5.5.7.3.1',
  client: '1.3.6.1.5.5.7.3.2',
};

const dayMs = 24 * 3_600_000;

/** Times in milliseconds. A certificate is made anew when less than `renewBeforeMs` of it remain; clocks may differ by `skewMs`. */
export const validity = {
  authorityMs: 3650 * dayMs,
  certificateMs: 397 * dayMs,
  renewBeforeMs: 60 * dayMs,
  authorityRenewBeforeMs: 730 * dayMs,
  skewMs: 5 * 60_000,
} as const;

/** Whether a CA's pair can go on signing: both parse, belong together, and the certificate is a CA's with enough time left. */
export function isUsableAuthority(
  pair: Partial<PemPair>,
  nowMs: number,
  remainingMs: number = validity.authorityRenewBeforeMs,
): pair is PemPair {
  const parsed = parse(pair);
  if (parsed === undefined || !parsed.certificate.ca) return false;
  const { certificate, key } = parsed;
  const own = certificate.checkPrivateKey(key) && certificate.verify(certificate.publicKey);
  return own && isWithin(certificate, nowMs, remainingMs);
}

/** Whether a pair still serves: signed by this CA, its key its own, in time, and saying just what is ordered. */
export function isUsable(
  pair: Partial<PemPair>,
  wanted: { readonly authority: PemPair; readonly order: CertificateOrder; readonly nowMs: number },
): pair is PemPair {
  const parsed = parse(pair);
  if (parsed === undefined) return false;
  const { certificate, key } = parsed;
  const authority = new X509Certificate(wanted.authority.certificate);
  return (
    certificate.checkPrivateKey(key) &&
    certificate.checkIssued(authority) &&
    certificate.verify(authority.publicKey) &&
    isWithin(certificate, wanted.nowMs, validity.renewBeforeMs) &&
    saysWhatIsOrdered(certificate, wanted.order)
  );
}

/** Whether a text is a private EC key on P-256. */
export function isSigningKey(pem: string | undefined): pem is string {
  const key = pem === undefined ? undefined : parseKey(pem);
  return key?.asymmetricKeyType === 'ec' && key.asymmetricKeyDetails?.namedCurve === 'prime256v1';
}

/** The public half of a private key, PEM. */
export function publicKeyOf(pem: string): string {
  return createPublicKey(pem).export({ type: 'spki', format: 'pem' }).toString();
}

function parse(pair: Partial<PemPair>): { readonly certificate: X509Certificate; readonly key: KeyObject } | undefined {
  if (pair.certificate === undefined || pair.key === undefined) return undefined;
  const key = parseKey(pair.key);
  if (key === undefined) return undefined;
  try {
    return { certificate: new X509Certificate(pair.certificate), key };
  } catch {
    // Whatever stands there is no certificate; it is replaced.
    return undefined;
  }
}

function parseKey(pem: string): KeyObject | undefined {
  try {
    return createPrivateKey(pem);
  } catch {
    // As above.
    return undefined;
  }
}

function isWithin(certificate: X509Certificate, nowMs: number, remainingMs: number): boolean {
  const { validFromDate, validToDate } = certificate;
  return validFromDate.getTime() <= nowMs && nowMs + remainingMs < validToDate.getTime();
}

function saysWhatIsOrdered(certificate: X509Certificate, order: CertificateOrder): boolean {
  const subject = [...order.organizations.map((organization) => `O=${organization}`), `CN=${order.commonName}`];
  const usages: readonly string[] = certificate.keyUsage ?? [];
  return (
    isSameSet(certificate.subject.split('\n'), subject) &&
    isSameSet(namesIn(certificate), order.names.map(spelledName)) &&
    isSameSet(
      usages,
      order.usages.map((usage) => usageIds[usage]),
    )
  );
}

function namesIn(certificate: X509Certificate): readonly string[] {
  const text = certificate.subjectAltName;
  return text === undefined || text === '' ? [] : text.split(', ');
}

/** As Node prints subject alternative names. */
function spelledName(name: string): string {
  const isAddress = parseAddress(name) !== undefined;
  if (!isAddress) return `DNS:${name}`;
  return `IP Address:${name.includes(':') ? expandedIpv6(name) : name}`;
}

function expandedIpv6(address: string): string {
  const [head = '', tail] = address.split('::', 2);
  const before = head === '' ? [] : head.split(':');
  const after = tail === undefined || tail === '' ? [] : tail.split(':');
  const zeros = tail === undefined ? 0 : 8 - before.length - after.length;
  const groups = [...before, ...Array.from({ length: zeros }, () => '0'), ...after];
  return groups.map((group) => Number.parseInt(group, 16).toString(16).toUpperCase()).join(':');
}

function isSameSet(a: readonly string[], b: readonly string[]): boolean {
  const wanted = new Set(b);
  return a.length === wanted.size && a.every((value) => wanted.has(value));
}
