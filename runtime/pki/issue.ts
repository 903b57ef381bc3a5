// First, because the package below asks for it when it is loaded.
import './reflect-metadata.ts';
import {
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  randomBytes,
  webcrypto,
  type KeyObject,
} from 'node:crypto';
import {
  AuthorityKeyIdentifierExtension,
  BasicConstraintsExtension,
  ExtendedKeyUsageExtension,
  Extension,
  KeyUsageFlags,
  KeyUsagesExtension,
  Name,
  Pkcs10CertificateRequestGenerator,
  SubjectAlternativeNameExtension,
  SubjectKeyIdentifierExtension,
  X509Certificate,
  X509CertificateGenerator,
  cryptoProvider,
  type JsonName,
} from '@peculiar/x509';
import { parseAddress } from '#runtime/base/networks.ts';
import type { CertificateRequest } from './certificate-request.ts';
import { usageIds, validity, type CertificateOrder, type PemPair } from './pair.ts';

cryptoProvider.set(webcrypto);

const keyAlgorithm = { name: 'ECDSA', namedCurve: 'P-256' } as const;
const signingAlgorithm = { name: 'ECDSA', hash: 'SHA-256' } as const;

/** A new private EC key on P-256: PKCS #8, PEM. */
export function newKey(): string {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  return privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
}

/** A self-signed certificate for a CA's key. With the key of an earlier one, what that signed goes on verifying. */
export async function issueAuthority(commonName: string, keyPem: string, nowMs: number): Promise<PemPair> {
  const keys = await cryptoKeysOf(keyPem);
  const certificate = await X509CertificateGenerator.createSelfSigned({
    serialNumber: newSerial(),
    name: [{ CN: [commonName] }],
    notBefore: new Date(nowMs - validity.skewMs),
    notAfter: new Date(nowMs + validity.authorityMs),
    keys,
    signingAlgorithm,
    extensions: [
      new BasicConstraintsExtension(true, 0, true),
      new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign | KeyUsageFlags.digitalSignature, true),
      await SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  return { certificate: pemOf(certificate), key: keyPem };
}

/** A certificate for `keyPem`, signed by the CA. */
export async function issueCertificate(
  authority: PemPair,
  order: CertificateOrder,
  subject: { readonly keyPem: string; readonly nowMs: number },
): Promise<PemPair> {
  const { publicKey } = await cryptoKeysOf(subject.keyPem);
  const names = order.names.map((name) => ({
    type: parseAddress(name) === undefined ? ('dns' as const) : ('ip' as const),
    value: name,
  }));
  const certificate = await sign(authority, {
    subject: [...order.organizations.map((organization) => ({ O: [organization] })), { CN: [order.commonName] }],
    publicKey,
    begins: subject.nowMs - validity.skewMs,
    ends: subject.nowMs + validity.certificateMs,
    extensions: [
      new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
      new ExtendedKeyUsageExtension(order.usages.map((usage) => usageIds[usage])),
      await SubjectKeyIdentifierExtension.create(publicKey),
      ...(names.length === 0 ? [] : [new SubjectAlternativeNameExtension(names)]),
    ],
  });
  return { certificate, key: subject.keyPem };
}

/** What a client's key may be used for, in the words of Kubernetes. */
export type KeyUsage = keyof typeof keyUsageFlags;

const keyUsageFlags = {
  'digital signature': KeyUsageFlags.digitalSignature,
  'key encipherment': KeyUsageFlags.keyEncipherment,
} as const;

/** A client certificate for what a request says, PEM. Its subject, key and names are taken over as they stand; whether it may have them is decided before. */
export async function issueForRequest(
  authority: PemPair,
  request: CertificateRequest,
  order: { readonly lifetimeMs: number; readonly nowMs: number; readonly keyUsages: readonly KeyUsage[] },
): Promise<string> {
  const { publicKeyDer, alternativeNamesDer } = request;
  const flags = order.keyUsages.reduce((sum, usage) => sum | keyUsageFlags[usage], 0);
  return await sign(authority, {
    subject: new Name(bytesOf(request.subjectDer)),
    publicKey: bytesOf(publicKeyDer),
    begins: order.nowMs - validity.skewMs,
    ends: order.nowMs + order.lifetimeMs,
    extensions: [
      ...(flags === 0 ? [] : [new KeyUsagesExtension(flags, true)]),
      new ExtendedKeyUsageExtension([usageIds.client]),
      ...(alternativeNamesDer === undefined
        ? []
        : [new Extension(alternativeNamesId, false, bytesOf(alternativeNamesDer))]),
    ],
  });
}

/** A request for a certificate of this name and no other, for `keyPem`: PEM. */
export async function requestFor(commonName: string, keyPem: string): Promise<string> {
  const request = await Pkcs10CertificateRequestGenerator.create({
    name: [{ CN: [commonName] }],
    keys: await cryptoKeysOf(keyPem),
    signingAlgorithm,
  });
  return `${request.toString('pem')}\n`;
}

const alternativeNamesId = '2.5.29.17';

interface Signing {
  readonly subject: JsonName | Name;
  readonly publicKey: webcrypto.CryptoKey | ArrayBuffer;
  /** Milliseconds since the epoch; cut off where the authority's own time ends. */
  readonly begins: number;
  readonly ends: number;
  readonly extensions: readonly Extension[];
}

async function sign(authority: PemPair, wanted: Signing): Promise<string> {
  const issuer = new X509Certificate(authority.certificate);
  const issuerKeys = await cryptoKeysOf(authority.key);
  const certificate = await X509CertificateGenerator.create({
    serialNumber: newSerial(),
    subject: wanted.subject,
    issuer: issuer.subjectName,
    notBefore: new Date(wanted.begins),
    notAfter: new Date(Math.min(wanted.ends, issuer.notAfter.getTime())),
    publicKey: wanted.publicKey,
    signingKey: issuerKeys.privateKey,
    signingAlgorithm,
    extensions: [
      new BasicConstraintsExtension(false, undefined, true),
      ...wanted.extensions,
      await AuthorityKeyIdentifierExtension.create(issuerKeys.publicKey),
    ],
  });
  return pemOf(certificate);
}

/** A Buffer may be a part of a larger one. */
function bytesOf(buffer: Buffer): ArrayBuffer {
  return new Uint8Array(buffer).buffer;
}

async function cryptoKeysOf(pem: string): Promise<webcrypto.CryptoKeyPair> {
  const privateKey = createPrivateKey(pem);
  const { subtle } = webcrypto;
  const der = (key: KeyObject, type: 'pkcs8' | 'spki') => key.export({ format: 'der', type: type as 'pkcs8' });
  return {
    privateKey: await subtle.importKey('pkcs8', der(privateKey, 'pkcs8'), keyAlgorithm, false, ['sign']),
    publicKey: await subtle.importKey('spki', der(createPublicKey(pem), 'spki'), keyAlgorithm, true, ['verify']),
  };
}

/** 16 random bytes, positive (RFC 5280 §4.1.2.2). */
function newSerial(): string {
  const bytes = randomBytes(16);
  bytes[0] = ((bytes[0] ?? 0) & 0x7f) | 0x40;
  return bytes.toString('hex');
}

function pemOf(certificate: X509Certificate): string {
  return `${certificate.toString('pem')}\n`;
}
