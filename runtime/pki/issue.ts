// First, because the package below asks for it when it is loaded.
import './reflect-metadata.ts';
import { randomBytes, webcrypto } from 'node:crypto';
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
import { signingKeysOf } from './crypto-keys.ts';
import { usageIds, validity, type CertificateOrder, type PemPair } from './pair.ts';

cryptoProvider.set(webcrypto);

/** A self-signed certificate for a CA's key. With the key of an earlier one, what that signed goes on verifying. */
export async function issueAuthority(commonName: string, keyPem: string, nowMs: number): Promise<PemPair> {
  const { keys, signingAlgorithm } = await signingKeysOf(keyPem);
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
  const { publicKey } = (await signingKeysOf(subject.keyPem)).keys;
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
    ...(await signingKeysOf(keyPem)),
  });
  return `${request.toString('pem')}\n`;
}

/** A request for a certificate for these names, for `keyPem`: PEM. The first name is no subject: what a CA does with one has an end of its own. */
export async function requestForNames(dnsNames: readonly string[], keyPem: string): Promise<string> {
  const request = await Pkcs10CertificateRequestGenerator.create({
    name: '',
    ...(await signingKeysOf(keyPem)),
    extensions: [namesExtension(dnsNames)],
  });
  return `${request.toString('pem')}\n`;
}

/** What a certificate of a server is to say. */
export interface ServerOrder {
  readonly dnsNames: readonly string[];
  readonly keyPem: string;
  readonly lifetimeMs: number;
  readonly nowMs: number;
}

/** A certificate for a server, signed by the CA; with its chain, PEM. */
export async function issueForServer(authority: PemPair, order: ServerOrder): Promise<string> {
  const { keys } = await signingKeysOf(order.keyPem);
  const certificate = await sign(authority, {
    subject: [],
    publicKey: keys.publicKey,
    begins: order.nowMs - validity.skewMs,
    ends: order.nowMs + order.lifetimeMs,
    extensions: await serverExtensions(order.dnsNames, keys.publicKey),
  });
  return `${certificate}${authority.certificate}`;
}

/** A certificate for a server, signed with its own key: PEM. */
export async function issueSelfSigned({ dnsNames, keyPem, lifetimeMs, nowMs }: ServerOrder): Promise<string> {
  const { keys, signingAlgorithm } = await signingKeysOf(keyPem);
  const certificate = await X509CertificateGenerator.createSelfSigned({
    serialNumber: newSerial(),
    name: [{ CN: [(dnsNames[0] ?? '').slice(0, mostCommonName)] }],
    notBefore: new Date(nowMs - validity.skewMs),
    notAfter: new Date(nowMs + lifetimeMs),
    keys,
    signingAlgorithm,
    extensions: [
      new BasicConstraintsExtension(false, undefined, true),
      ...(await serverExtensions(dnsNames, keys.publicKey)),
    ],
  });
  return pemOf(certificate);
}

/** RFC 5280 §A.1: ub-common-name. */
const mostCommonName = 64;

async function serverExtensions(
  dnsNames: readonly string[],
  publicKey: webcrypto.CryptoKey,
): Promise<readonly Extension[]> {
  return [
    new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
    new ExtendedKeyUsageExtension([usageIds.server]),
    await SubjectKeyIdentifierExtension.create(publicKey),
    namesExtension(dnsNames),
  ];
}

function namesExtension(dnsNames: readonly string[]): SubjectAlternativeNameExtension {
  return new SubjectAlternativeNameExtension(dnsNames.map((value) => ({ type: 'dns', value })));
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
  const { keys, signingAlgorithm } = await signingKeysOf(authority.key);
  const certificate = await X509CertificateGenerator.create({
    serialNumber: newSerial(),
    subject: wanted.subject,
    issuer: issuer.subjectName,
    notBefore: new Date(wanted.begins),
    notAfter: new Date(Math.min(wanted.ends, issuer.notAfter.getTime())),
    publicKey: wanted.publicKey,
    signingKey: keys.privateKey,
    signingAlgorithm,
    extensions: [
      new BasicConstraintsExtension(false, undefined, true),
      ...wanted.extensions,
      await AuthorityKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  return pemOf(certificate);
}

/** A Buffer may be a part of a larger one. */
function bytesOf(buffer: Buffer): ArrayBuffer {
  return new Uint8Array(buffer).buffer;
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
