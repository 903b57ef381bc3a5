import { createHash, createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';
import { coversName } from '#runtime/base/hostnames.ts';
import { base64urlOfInteger, keyIdentifierOf } from './certificate-id.ts';
import type { PemPair } from './pair.ts';

/** What the first certificate of a chain says. */
export interface CertificateFacts {
  /** Hexadecimal, upper case. */
  readonly serialNumber: string;
  /** Milliseconds since the epoch. */
  readonly notBefore: number;
  readonly notAfter: number;
  /** DNS names, in lower case. */
  readonly dnsNames: readonly string[];
  /** SHA-256 of its public key (SubjectPublicKeyInfo), hexadecimal: what TLSA records pin. */
  readonly publicKeyDigest: string;
  /** Signed with its own key. */
  readonly isSelfSigned: boolean;
  /** By which a CA is asked when to renew it (RFC 9773 §4.1); absent when it names no key of its issuer. */
  readonly renewalId?: string;
}

const mostCertificates = 10;
const block = /-----BEGIN CERTIFICATE-----[A-Za-z0-9+/=\s]+-----END CERTIFICATE-----/gu;

/** What is asked about a chain is asked several times while others are, too, and parsing it costs more than the answers: those parsed last are kept. */
const parsed = new Map<string, readonly X509Certificate[]>();
const mostParsed = 64;
const factsByCertificate = new WeakMap<X509Certificate, CertificateFacts>();

/** The certificates of a PEM text, the one that serves first; empty when one of them is none. */
export function parseChain(pem: string): readonly X509Certificate[] {
  const known = parsed.get(pem);
  if (known !== undefined) return known;
  const chain = chainIn(pem);
  const [oldest] = parsed.keys();
  if (parsed.size >= mostParsed && oldest !== undefined) parsed.delete(oldest);
  parsed.set(pem, chain);
  return chain;
}

function chainIn(pem: string): readonly X509Certificate[] {
  const blocks = pem.match(block) ?? [];
  if (blocks.length > mostCertificates) return [];
  try {
    return blocks.map((each) => new X509Certificate(each));
  } catch {
    // What stands between the lines is no certificate.
    return [];
  }
}

/** `undefined` for what is no certificate. */
export function factsOf(pem: string): CertificateFacts | undefined {
  const [certificate] = parseChain(pem);
  if (certificate === undefined) return undefined;
  const known = factsByCertificate.get(certificate);
  if (known !== undefined) return known;
  const facts = factsIn(certificate);
  factsByCertificate.set(certificate, facts);
  return facts;
}

function factsIn(certificate: X509Certificate): CertificateFacts {
  const issuerKey = keyIdentifierOf(certificate.raw);
  return {
    serialNumber: certificate.serialNumber.toUpperCase(),
    notBefore: certificate.validFromDate.getTime(),
    notAfter: certificate.validToDate.getTime(),
    dnsNames: dnsNamesIn(certificate),
    publicKeyDigest: createHash('sha256')
      .update(certificate.publicKey.export({ type: 'spki', format: 'der' }))
      .digest('hex'),
    isSelfSigned: certificate.checkIssued(certificate),
    ...(issuerKey === undefined
      ? {}
      : { renewalId: `${issuerKey.toString('base64url')}.${base64urlOfInteger(certificate.serialNumber)}` }),
  };
}

/** Why a pair cannot serve these names now, as a sentence; `undefined` when it can. */
export function faultOf(
  pair: Partial<PemPair>,
  { dnsNames, nowMs }: { readonly dnsNames: readonly string[]; readonly nowMs: number },
): string | undefined {
  const chain = parseChain(pair.certificate ?? '');
  const [certificate] = chain;
  if (certificate === undefined) return 'There is no certificate in tls.crt.';
  const key = parseKey(pair.key ?? '');
  if (key === undefined) return 'There is no private key in tls.key.';
  if (!certificate.checkPrivateKey(key)) return 'The key is not that of the certificate.';
  if (certificate.validToDate.getTime() <= nowMs)
    return `The certificate ended on ${certificate.validToDate.toISOString()}.`;
  const link = chain.findIndex((each, index) => index > 0 && chain[index - 1]?.checkIssued(each) !== true);
  if (link > 0) return `Certificate ${link + 1} of the chain has not signed the one before it.`;
  const missing = dnsNames.find((name) => !coversName(dnsNamesIn(certificate), name));
  return missing === undefined ? undefined : `The certificate is not for ${missing}.`;
}

function dnsNamesIn({ subjectAltName }: X509Certificate): readonly string[] {
  const entries = subjectAltName === undefined || subjectAltName === '' ? [] : subjectAltName.split(', ');
  return entries.filter((entry) => entry.startsWith('DNS:')).map((entry) => entry.slice(4).toLowerCase());
}

function parseKey(pem: string): KeyObject | undefined {
  try {
    return createPrivateKey(pem);
  } catch {
    // Whatever stands there is no key.
    return undefined;
  }
}
