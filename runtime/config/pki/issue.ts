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
import { isIP } from 'node:net';
import {
  AuthorityKeyIdentifierExtension,
  BasicConstraintsExtension,
  ExtendedKeyUsageExtension,
  KeyUsageFlags,
  KeyUsagesExtension,
  SubjectAlternativeNameExtension,
  SubjectKeyIdentifierExtension,
  X509Certificate,
  X509CertificateGenerator,
  cryptoProvider,
} from '@peculiar/x509';
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
  const issuer = new X509Certificate(authority.certificate);
  const issuerKeys = await cryptoKeysOf(authority.key);
  const { publicKey } = await cryptoKeysOf(subject.keyPem);
  const ends = Math.min(subject.nowMs + validity.certificateMs, issuer.notAfter.getTime());
  const names = order.names.map((name) => ({
    type: isIP(name) === 0 ? ('dns' as const) : ('ip' as const),
    value: name,
  }));
  const certificate = await X509CertificateGenerator.create({
    serialNumber: newSerial(),
    subject: [...order.organizations.map((organization) => ({ O: [organization] })), { CN: [order.commonName] }],
    issuer: issuer.subjectName,
    notBefore: new Date(subject.nowMs - validity.skewMs),
    notAfter: new Date(ends),
    publicKey,
    signingKey: issuerKeys.privateKey,
    signingAlgorithm,
    extensions: [
      new BasicConstraintsExtension(false, undefined, true),
      new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
      new ExtendedKeyUsageExtension(order.usages.map((usage) => usageIds[usage])),
      await AuthorityKeyIdentifierExtension.create(issuerKeys.publicKey),
      await SubjectKeyIdentifierExtension.create(publicKey),
      ...(names.length === 0 ? [] : [new SubjectAlternativeNameExtension(names)]),
    ],
  });
  return { certificate: pemOf(certificate), key: subject.keyPem };
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
