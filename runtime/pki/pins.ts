import { createHash, X509Certificate } from 'node:crypto';

/** `sha256:` and the hash of the public key of each certificate in a PEM text, as kubeadm writes it. */
export function authorityHashes(pem: string): readonly string[] {
  return certificatesIn(pem).map(hashOf);
}

/** The certificates whose key has one of these hashes, PEM; empty when none has. The others are nobody's word. */
export function authoritiesWith(hashes: readonly string[], pem: string): string {
  return certificatesIn(pem)
    .filter((certificate) => hashes.includes(hashOf(certificate)))
    .map(String)
    .join('');
}

function certificatesIn(pem: string): readonly X509Certificate[] {
  const blocks = pem.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
  return blocks.map((block) => new X509Certificate(block));
}

function hashOf({ publicKey }: X509Certificate): string {
  return `sha256:${createHash('sha256')
    .update(publicKey.export({ type: 'spki', format: 'der' }))
    .digest('hex')}`;
}
