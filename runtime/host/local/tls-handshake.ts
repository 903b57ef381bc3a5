import { connect, type TLSSocket } from 'node:tls';
import { HostError } from '#runtime/base/errors.ts';
import type { ShownCertificate } from '#runtime/host/host.ts';
import { errorCode } from './file-errors.ts';

const timeoutMs = 5_000;

/** A TLS handshake as a visitor makes it, whose certificate is looked at rather than believed. */
export async function shakeHands(
  address: { readonly host: string; readonly port: number },
  serverName: string,
  signal: AbortSignal,
  protocol?: string,
): Promise<ShownCertificate | undefined> {
  signal.throwIfAborted();
  const bound = AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]);
  const offered = protocol === undefined ? {} : { ALPNProtocols: [protocol] };
  const socket = connect({ ...address, ...offered, servername: serverName, rejectUnauthorized: false });
  try {
    await connected(socket, bound);
    const shown = socket.getPeerX509Certificate();
    if (shown === undefined) throw new HostError('a TLS server showed no certificate');
    const { serialNumber, fingerprint256, raw } = shown;
    return { serialNumber: serialNumber.toUpperCase(), fingerprint256, raw };
  } catch (err) {
    signal.throwIfAborted();
    // An alert of the other side, such as that it knows no such name.
    if (errorCode(err)?.startsWith('ERR_SSL_') === true) return undefined;
    throw new HostError(`${address.host}:${address.port} did not answer a TLS handshake`, {}, { cause: err });
  } finally {
    socket.destroy();
  }
}

async function connected(socket: TLSSocket, signal: AbortSignal): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
    socket.once('error', reject);
    socket.once('secureConnect', resolve);
  });
}
