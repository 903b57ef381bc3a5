import { createPrivateKey, X509Certificate, type KeyObject } from 'node:crypto';
import { createSecureContext } from 'node:tls';
import { RefusedError } from '#runtime/base/errors.ts';

/** A certificate with its chain, and its key, as PEM and nothing else. */
export interface KeyPair {
  readonly certificate: string;
  readonly key: string;
}

const maxTextLength = 64 * 1024;
const maxChainLength = 10;
const curves: readonly (string | undefined)[] = ['prime256v1', 'secp384r1'];

/** Reads what a kubernetes.io/tls Secret holds for a hostname. RefusedError `CertificateInvalid` for what no visitor could be served with. */
export function readKeyPair(secret: Readonly<Record<string, string>>, hostname: string): KeyPair {
  const chain = readChain(secret['tls.crt'] ?? '');
  const key = readKey(secret['tls.key'] ?? '');
  const [leaf] = chain;
  if (!leaf.checkPrivateKey(key)) throw invalid('The key is not the one of the certificate.');
  if (!covers(leaf, hostname)) throw invalid(`The certificate does not cover ${hostname}.`);
  const pair = { certificate: chain.join(''), key: key.export({ type: 'pkcs8', format: 'pem' }).toString() };
  checkWithOpenSsl(pair);
  return pair;
}

/** RefusedError `CertificateInvalid` outside of the time for which the certificate holds. */
export function checkTime({ certificate }: KeyPair, nowMs: number): void {
  const { validFrom, validFromDate, validTo, validToDate } = new X509Certificate(certificate);
  if (validToDate.getTime() <= nowMs) throw invalid(`The certificate expired on ${validTo}.`);
  if (validFromDate.getTime() > nowMs) throw invalid(`The certificate holds from ${validFrom} on.`);
}

function readChain(text: string): readonly [X509Certificate, ...X509Certificate[]] {
  if (text.length > maxTextLength) throw invalid('tls.crt is longer than 64 KiB.');
  const blocks = text.match(/-----BEGIN CERTIFICATE-----[A-Za-z0-9+/=\s]+-----END CERTIFICATE-----/g) ?? [];
  if (blocks.length > maxChainLength) throw invalid(`tls.crt holds more than ${maxChainLength} certificates.`);
  const [leaf, ...issuers] = blocks.map(readCertificate);
  if (leaf === undefined) throw invalid('tls.crt holds no certificate in PEM.');
  for (const [index, issuer] of issuers.entries()) {
    const issued = issuers[index - 1] ?? leaf;
    if (issued.checkIssued(issuer) && issued.verify(issuer.publicKey)) continue;
    throw invalid('Each certificate in tls.crt must be followed by the one that issued it.');
  }
  return [leaf, ...issuers];
}

function readCertificate(pem: string): X509Certificate {
  try {
    return new X509Certificate(pem);
  } catch (err) {
    throw invalid('tls.crt holds something that is no certificate.', err);
  }
}

/** Each handshake costs a signature, and that of a giant key is paid for by everybody on the host. */
function readKey(text: string): KeyObject {
  if (text.length > maxTextLength) throw invalid('tls.key is longer than 64 KiB.');
  const key = parseKey(text);
  const { modulusLength = 0, namedCurve } = key.asymmetricKeyDetails ?? {};
  const isRsa = key.asymmetricKeyType === 'rsa' && modulusLength >= 2048 && modulusLength <= 4096;
  const isEc = key.asymmetricKeyType === 'ec' && curves.includes(namedCurve);
  if (!isRsa && !isEc) throw invalid('The key must be RSA of 2048 to 4096 bits, or ECDSA on P-256 or P-384.');
  return key;
}

function parseKey(text: string): KeyObject {
  try {
    return createPrivateKey(text);
  } catch (err) {
    throw invalid('tls.key holds no private key in PEM, or one with a passphrase.', err);
  }
}

/** As browsers match (RFC 6125): the names that it is for, and a wildcard for one label. */
function covers(leaf: X509Certificate, hostname: string): boolean {
  if (hostname.startsWith('*.')) return leaf.subjectAltName?.split(', ').includes(`DNS:${hostname}`) === true;
  return leaf.checkHost(hostname, { subject: 'never', partialWildcards: false }) !== undefined;
}

/** What is too weak for OpenSSL (a signature with SHA-1) would let each handshake fail. */
function checkWithOpenSsl({ certificate, key }: KeyPair): void {
  try {
    createSecureContext({ cert: certificate, key });
  } catch (err) {
    throw invalid('The certificate or its key is weaker than TLS allows.', err);
  }
}

function invalid(message: string, cause?: unknown): RefusedError {
  return new RefusedError('CertificateInvalid', message, { cause });
}
