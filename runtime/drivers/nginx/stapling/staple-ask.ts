import type { X509Certificate } from 'node:crypto';
import { extensionOf } from '#runtime/pki/certificate-id.ts';
import { parseChain } from '#runtime/pki/server-certificate.ts';

/** A certificate whose CA tells at an address whether it has been revoked (OCSP, RFC 6960). */
export interface StapleAsk {
  /** SHA-256 of the certificate, in hexadecimal: what its response is known by. */
  readonly fingerprint: string;
  /** Where the CA answers; by HTTP, as responses are signed. */
  readonly responder: URL;
  /** PEM of the certificate that signed it. */
  readonly issuer: string;
  /** Hexadecimal. */
  readonly serialNumber: string;
  /** The certificate is to be believed with a response only (RFC 7633). */
  readonly isRequired: boolean;
}

const tlsFeatureId = '1.3.6.1.5.5.7.1.24';
/** status_request within the list of features: an INTEGER of 5. */
const statusRequest = Buffer.from([0x02, 0x01, 0x05]);

/** What a chain (PEM) asks for; `undefined` when its first certificate names no responder, or the one that signed it is missing. */
export function stapleAskOf(chain: string): StapleAsk | undefined {
  const [leaf, issuer] = parseChain(chain);
  const responder = leaf && responderOf(leaf);
  if (leaf === undefined || issuer === undefined || responder === undefined) return undefined;
  return {
    fingerprint: leaf.fingerprint256.replaceAll(':', '').toLowerCase(),
    responder,
    issuer: issuer.toString(),
    serialNumber: leaf.serialNumber,
    isRequired: extensionOf(leaf.raw, tlsFeatureId)?.includes(statusRequest) === true,
  };
}

function responderOf({ infoAccess }: X509Certificate): URL | undefined {
  const [, text] = /^OCSP - URI:(http:\/\/\S+)$/m.exec(infoAccess ?? '') ?? [];
  return text === undefined ? undefined : (URL.parse(text) ?? undefined);
}
