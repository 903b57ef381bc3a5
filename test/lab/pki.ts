import '#runtime/pki/reflect-metadata.ts';
import { generateKeyPairSync, webcrypto, type KeyPairKeyObjectResult } from 'node:crypto';
import { isIP } from 'node:net';
import * as x509 from '@peculiar/x509';

/** A key and the certificate for it, as PEM. */
export interface Identity {
  readonly cert: Buffer;
  readonly key: Buffer;
}

/** A certificate authority that lives as long as the test. */
export interface LabAuthority {
  readonly ca: Buffer;
  /** The key of `ca`. */
  readonly key: Buffer;
  /** For a server on loopback (127.0.0.1, ::1, localhost and `names`, which may be addresses); good as a client, too. */
  server(names?: readonly string[]): Promise<Identity>;
  /** For a site, as a kubernetes.io/tls Secret holds it; good for a day unless told. */
  site(names: readonly string[], options?: SiteOptions): Promise<TlsSecret>;
  /** For a client; `organizations` are its groups. */
  client(commonName: string, organizations?: readonly string[]): Promise<Identity>;
}

const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
const hourMs = 3_600_000;

export interface TlsSecret {
  readonly 'tls.crt': string;
  readonly 'tls.key': string;
}

interface SiteOptions {
  /** Milliseconds since the epoch. */
  readonly from?: number;
  readonly to?: number;
  /** Of a pair from elsewhere; a new one on P-256 unless given. */
  readonly keys?: KeyPairKeyObjectResult;
  /** URL where the authority says whether it has been revoked. */
  readonly responder?: string;
  /** To be believed with the word of that responder only. */
  readonly mustStaple?: boolean;
}

/** Makes an authority with a key of its own; its certificates hold for a day. */
export async function createLabAuthority(commonName = 'lab'): Promise<LabAuthority> {
  const keys = await newKeys();
  const root = await x509.X509CertificateGenerator.createSelfSigned({
    name: [{ CN: [commonName] }],
    ...validity(),
    serialNumber: serial(),
    keys,
    signingAlgorithm: algorithm,
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
    ],
  });
  async function issue(name: x509.JsonName, extensions: x509.Extension[]): Promise<Identity> {
    const own = await newKeys();
    const cert = await x509.X509CertificateGenerator.create({
      subject: name,
      issuer: root.subject,
      ...validity(),
      serialNumber: serial(),
      publicKey: own.publicKey,
      signingKey: keys.privateKey,
      signingAlgorithm: algorithm,
      extensions: [new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true), ...extensions],
    });
    return { cert: Buffer.from(cert.toString('pem')), key: await pemKey(own.privateKey) };
  }
  const clientAuth = x509.ExtendedKeyUsage.clientAuth;
  return {
    ca: Buffer.from(root.toString('pem')),
    key: await pemKey(keys.privateKey),
    server: (names = []) =>
      issue(
        [{ CN: ['localhost'] }],
        [
          new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth, clientAuth]),
          new x509.SubjectAlternativeNameExtension([
            { type: 'ip', value: '127.0.0.1' },
            { type: 'ip', value: '::1' },
            ...['localhost', ...names].map((value) => ({
              type: isIP(value) === 0 ? ('dns' as const) : ('ip' as const),
              value,
            })),
          ]),
        ],
      ),
    site: async (
      names,
      { from = Date.now() - hourMs, to = Date.now() + 24 * hourMs, keys: own = siteKeys(), ...asks } = {},
    ) => {
      const spki = own.publicKey.export({ type: 'spki', format: 'der' });
      const cert = await x509.X509CertificateGenerator.create({
        subject: [{ CN: ['site'] }],
        issuer: root.subject,
        notBefore: new Date(from),
        notAfter: new Date(to),
        serialNumber: serial(),
        publicKey: new Uint8Array(spki).buffer,
        signingKey: keys.privateKey,
        signingAlgorithm: algorithm,
        extensions: [
          new x509.SubjectAlternativeNameExtension(names.map((value) => ({ type: 'dns', value }))),
          ...stapleExtensions(asks),
        ],
      });
      return {
        'tls.crt': `${cert.toString('pem')}\n${root.toString('pem')}\n`,
        'tls.key': own.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
      };
    },
    client: (name, organizations = []) =>
      issue(
        [{ CN: [name] }, ...organizations.map((organization) => ({ O: [organization] }))],
        [new x509.ExtendedKeyUsageExtension([clientAuth])],
      ),
  };
}

/** The second says, as a list of features with status_request in it, that it must be stapled (RFC 7633). */
function stapleExtensions({
  responder,
  mustStaple = false,
}: Pick<SiteOptions, 'responder' | 'mustStaple'>): readonly x509.Extension[] {
  return [
    ...(responder === undefined ? [] : [new x509.AuthorityInfoAccessExtension({ ocsp: responder })]),
    ...(mustStaple ? [new x509.Extension('1.3.6.1.5.5.7.1.24', false, Buffer.from('3003020105', 'hex'))] : []),
  ];
}

function siteKeys(): KeyPairKeyObjectResult {
  return generateKeyPairSync('ec', { namedCurve: 'P-256' });
}

function newKeys(): Promise<webcrypto.CryptoKeyPair> {
  return webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
}

async function pemKey(key: webcrypto.CryptoKey): Promise<Buffer> {
  const der = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', key));
  const lines = der.toString('base64').replace(/.{64}/gu, '$&\n');
  return Buffer.from(`-----BEGIN PRIVATE KEY-----\n${lines}\n-----END PRIVATE KEY-----\n`);
}

function validity(): { readonly notBefore: Date; readonly notAfter: Date } {
  const now = Date.now();
  return { notBefore: new Date(now - hourMs), notAfter: new Date(now + 24 * hourMs) };
}

function serial(): string {
  return Buffer.from(webcrypto.getRandomValues(new Uint8Array(8)))
    .toString('hex')
    .replace(/^./u, '1');
}
