import { connect, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { HostError } from '#runtime/base/errors.ts';

const connectTimeoutMs = 5_000;

/** A connection over the network that stands. HostError when nobody answers in five seconds. */
export async function connectTcp(
  { host, port }: { readonly host: string; readonly port: number },
  signal: AbortSignal,
): Promise<Duplex> {
  signal.throwIfAborted();
  const socket = connect({ host, port, noDelay: true, keepAlive: true });
  return await standing(socket, `${host} port ${String(port)}`, signal);
}

/** The same by a socket of a daemon that is none of ours: its path is where Debian has it, and no tenant's. */
export async function connectSocket(path: string, signal: AbortSignal): Promise<Duplex> {
  signal.throwIfAborted();
  return await standing(connect({ path }), path, signal);
}

/** Whoever asked for it has no more to do with it then: others may use it. */
async function standing(socket: Socket, where: string, signal: AbortSignal): Promise<Duplex> {
  const abort = (): void => void socket.destroy(new Error('it is no longer wanted'));
  signal.addEventListener('abort', abort);
  const stands = new Promise<Duplex>((resolve, reject) => {
    const failed = (cause?: Error): void => {
      socket.destroy();
      const why = cause?.message ?? 'no answer in time';
      reject(new HostError(`nobody answers at ${where}: ${why}`, {}, { cause }));
    };
    socket.once('error', failed);
    socket.setTimeout(connectTimeoutMs, failed);
    socket.once('connect', () => {
      socket.setTimeout(0);
      socket.off('error', failed);
      resolve(socket);
    });
  });
  return await stands.finally(() => signal.removeEventListener('abort', abort));
}
