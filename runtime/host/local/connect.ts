import { closeSync, constants, fstatSync, openSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { HostError } from '#runtime/base/errors.ts';
import { orAbsent } from './file-errors.ts';
import { checkPath, type Roots } from './safe-path.ts';

const connectTimeoutMs = 5_000;
/** Linux' O_PATH, which Node does not name: a handle on a file without opening it. */
const pathOnly = 0o10000000;

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

/** The same by a socket below our roots. */
export async function connectUnix(roots: Roots, path: string, signal: AbortSignal): Promise<Duplex> {
  const stream = await byInode(roots, path, async (handle) => {
    signal.throwIfAborted();
    return await standing(connect({ path: handle }), `"${path}"`, signal);
  });
  if (stream === undefined) throw new HostError(`there is no socket "${path}"`, { path });
  return stream;
}

/** Whether a socket accepts now. */
export async function accepts(roots: Roots, path: string, signal: AbortSignal): Promise<boolean> {
  const isAnswered = await byInode(roots, path, async (handle) => {
    signal.throwIfAborted();
    const stream = await standing(connect({ path: handle }), `"${path}"`, signal).catch(() => undefined);
    stream?.destroy();
    signal.throwIfAborted();
    return stream !== undefined;
  });
  return isAnswered === true;
}

/** Uses a socket by a handle of its inode: no link is followed, and paths longer than the kernel's 107 bytes work. `undefined` where there is none. */
async function byInode<R>(roots: Roots, path: string, use: (handle: string) => Promise<R>): Promise<R | undefined> {
  checkPath(roots, path);
  const fd = orAbsent(path, () => openSync(path, pathOnly | constants.O_NOFOLLOW));
  if (fd === undefined) return undefined;
  try {
    return fstatSync(fd).isSocket() ? await use(`/proc/self/fd/${fd}`) : undefined;
  } finally {
    closeSync(fd);
  }
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
