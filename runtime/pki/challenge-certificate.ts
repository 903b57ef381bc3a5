// First, because the package below asks for it when it is loaded.
import './reflect-metadata.ts';
import { createHash } from 'node:crypto';
import { Extension, SubjectAlternativeNameExtension, X509CertificateGenerator } from '@peculiar/x509';
import { extensionOf } from './certificate-id.ts';
import { newKey, signingKeysOf } from './crypto-keys.ts';
import type { PemPair } from './pair.ts';

/** What a CA wants to see in the certificate of a handshake (RFC 8737 §3). */
export interface ChallengeWord {
  readonly hostname: string;
  readonly keyAuthorization: string;
}

const acmeIdentifierId = '1.3.6.1.5.5.7.1.31';
const dayMs = 24 * 3_600_000;

/** A certificate that shows a CA who holds a name, and is good for nothing else: signed with its own key, in which nobody believes. */
export async function issueChallengeCertificate(word: ChallengeWord, nowMs: number): Promise<PemPair> {
  const key = newKey();
  const certificate = await X509CertificateGenerator.createSelfSigned({
    ...(await signingKeysOf(key)),
    name: [{ CN: ['acme challenge'] }],
    notBefore: new Date(nowMs - dayMs),
    notAfter: new Date(nowMs + 30 * dayMs),
    extensions: [
      new SubjectAlternativeNameExtension([{ type: 'dns', value: word.hostname }]),
      new Extension(acmeIdentifierId, true, new Uint8Array(identifierOf(word)).buffer),
    ],
  });
  return { certificate: `${certificate.toString('pem')}\n`, key };
}

/** Whether a certificate (DER) says that. */
export function showsChallenge(certificate: Buffer, word: ChallengeWord): boolean {
  return extensionOf(certificate, acmeIdentifierId)?.equals(identifierOf(word)) === true;
}

/** An OCTET STRING of 32 bytes, in DER. */
function identifierOf({ keyAuthorization }: ChallengeWord): Buffer {
  return Buffer.concat([Buffer.from([0x04, 0x20]), createHash('sha256').update(keyAuthorization).digest()]);
}
