import '#runtime/pki/reflect-metadata.ts';
import { webcrypto } from 'node:crypto';
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
  /** For a server on loopback (127.0.0.1, ::1, localhost and `names`); good as a client, too. */
  server(names?: readonly string[]): Promise<Identity>;
  /** For a client; `organizations` are its groups. */
  client(commonName: string, organizations?: readonly string[]): Promise<Identity>;
}

const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
const hourMs = 3_600_000;

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
            ...['localhost', ...names].map((value) => ({ type: 'dns' as const, value })),
          ]),
        ],
      ),
    client: (name, organizations = []) =>
      issue(
        [{ CN: [name] }, ...organizations.map((organization) => ({ O: [organization] }))],
        [new x509.ExtendedKeyUsageExtension([clientAuth])],
      ),
  };
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
