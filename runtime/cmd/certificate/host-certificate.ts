import { createPrivateKey, X509Certificate } from 'node:crypto';
import { RefusedError } from '#runtime/base/errors.ts';
import { placeFile, readText } from '#runtime/config/files.ts';
import { hostOfAgent } from '#schemas/meta/names.ts';

/** The certificate by which a server knows the agent of a host, in one file with its key, so that they change together. */
export interface HostCertificate {
  readonly host: string;
  /** Milliseconds since the epoch. */
  readonly beginsMs: number;
  readonly endsMs: number;
}

/** What stands in the file; `undefined` when there is none. RefusedError when it is something else. */
export async function readHostCertificate(path: string): Promise<HostCertificate | undefined> {
  const text = await readText(path);
  if (text === undefined) return undefined;
  const certificate = certificateIn(text);
  const host = hostOfAgent(certificate?.subject.replace(/^CN=/, '') ?? '');
  if (certificate === undefined || host === undefined)
    throw new RefusedError('CertificateUnreadable', `${path} holds no certificate of a host with its key; remove it`);
  return { host, beginsMs: certificate.validFromDate.getTime(), endsMs: certificate.validToDate.getTime() };
}

/** Puts both into the file, as a whole. */
export async function placeHostCertificate(path: string, certificate: string, key: string): Promise<void> {
  await placeFile(path, `${certificate.trimEnd()}\n${key.trimEnd()}\n`, { mode: 0o600 });
}

function certificateIn(text: string): X509Certificate | undefined {
  try {
    const certificate = new X509Certificate(text);
    return certificate.checkPrivateKey(createPrivateKey(text)) ? certificate : undefined;
  } catch {
    // Whatever stands there is none.
    return undefined;
  }
}
