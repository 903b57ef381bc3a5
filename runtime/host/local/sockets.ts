import { chmodSync, chownSync, closeSync, constants, fstatSync, lstatSync, openSync, unlinkSync } from 'node:fs';
import { lookup } from 'node:dns/promises';
import { createServer, connect, type Server, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { HostError } from '#runtime/base/errors.ts';
import type { Ownership } from '#runtime/host/host.ts';
import { errorCode, onPath, orAbsent } from './file-errors.ts';
import { checkPath, type Roots } from './safe-path.ts';

/** Linux' O_PATH, which Node does not name: a handle on a file without opening it. */
const pathOnly = 0o10000000;
const maxLineBytes = 4096;
const maxConnections = 1024;
const connectTimeoutMs = 2_000;
const maxAddresses = 16;

/**
 * Whether a socket accepts now. Connects through a handle of the inode: no link is followed, and paths longer than the kernel's 107 bytes work.
 */
export async function accepts(roots: Roots, path: string, signal: AbortSignal): Promise<boolean> {
  checkPath(roots, path);
  const fd = orAbsent(path, () => openSync(path, pathOnly | constants.O_NOFOLLOW));
  if (fd === undefined) return false;
  try {
    return fstatSync(fd).isSocket() && (await canConnect(`/proc/self/fd/${fd}`, signal));
  } finally {
    closeSync(fd);
  }
}

async function canConnect(path: string, signal: AbortSignal): Promise<boolean> {
  signal.throwIfAborted();
  return await new Promise<boolean>((resolve) => {
    const socket = connect(path);
    const finish = (answer: boolean): void => {
      socket.destroy();
      resolve(answer);
    };
    socket.setTimeout(connectTimeoutMs, () => finish(false));
    socket.once('connect', () => finish(true));
    socket.once('error', () => finish(false));
  });
}

/** A connection that stands; like `accepts`, by a handle of the inode. */
export async function connectUnix(roots: Roots, path: string, signal: AbortSignal): Promise<Duplex> {
  checkPath(roots, path);
  signal.throwIfAborted();
  const fd = orAbsent(path, () => openSync(path, pathOnly | constants.O_NOFOLLOW));
  if (fd === undefined) throw new HostError(`there is no socket "${path}"`, { path });
  try {
    return await new Promise<Duplex>((resolve, reject) => {
      const socket = connect({ path: `/proc/self/fd/${fd}`, signal });
      const failed = (cause?: Error): void => {
        socket.destroy();
        reject(new HostError(`nobody answers at "${path}"`, { path }, { cause }));
      };
      socket.once('error', failed);
      socket.setTimeout(connectTimeoutMs, failed);
      socket.once('connect', () => {
        socket.setTimeout(0);
        socket.off('error', failed);
        resolve(socket);
      });
    });
  } finally {
    closeSync(fd);
  }
}

/** Serves lines on a unix socket until the signal aborts; the socket is removed then. */
export async function listenUnix(
  place: { readonly roots: Roots; readonly path: string; readonly ownership: Ownership },
  onLine: (line: string) => Promise<string>,
  signal: AbortSignal,
): Promise<void> {
  const { path, ownership } = place;
  checkPath(place.roots, path);
  signal.throwIfAborted();
  onPath(path, () => {
    const stat = lstatSync(path, { throwIfNoEntry: false });
    if (stat !== undefined && !stat.isSocket()) throw new HostError(`"${path}" is no socket`, { path });
    if (stat !== undefined) unlinkSync(path);
  });
  const open = new Set<Socket>();
  const server = createServer((socket) => {
    open.add(socket);
    socket.once('close', () => open.delete(socket));
    answerLines(socket, onLine);
  });
  server.maxConnections = maxConnections;
  await listening(server, path);
  onPath(path, () => {
    chownSync(path, ownership.uid, ownership.gid);
    chmodSync(path, ownership.mode);
  });
  signal.addEventListener(
    'abort',
    () => {
      server.close();
      for (const socket of open) socket.destroy();
    },
    { once: true },
  );
}

async function listening(server: Server, path: string): Promise<void> {
  const umask = process.umask(0o177);
  try {
    await new Promise<void>((resolve, reject) => {
      server.once('error', (err) => reject(new HostError(`cannot listen on "${path}"`, { path }, { cause: err })));
      server.listen(path, resolve);
    });
  } finally {
    process.umask(umask);
  }
}

/** One line after the other; a client that asks again waits for its first answer. */
function answerLines(socket: Socket, onLine: (line: string) => Promise<string>): void {
  let pending = '';
  let turn = Promise.resolve();
  socket.setEncoding('utf8');
  socket.on('error', () => socket.destroy());
  socket.on('data', (chunk: string) => {
    pending += chunk;
    const lines = pending.split('\n');
    pending = lines.pop() ?? '';
    if (pending.length > maxLineBytes) socket.destroy();
    for (const line of lines) {
      turn = turn.then(async () => {
        const answer = await onLine(line.slice(0, maxLineBytes));
        if (!socket.destroyed) socket.write(`${answer}\n`);
      });
      turn.catch(() => socket.destroy());
    }
  });
}

/** Addresses by getaddrinfo; empty when the name has none. */
export async function resolveName(hostname: string, signal: AbortSignal): Promise<readonly string[]> {
  signal.throwIfAborted();
  try {
    const found = await lookup(hostname, { all: true, verbatim: true });
    return found.slice(0, maxAddresses).map((each) => each.address);
  } catch (err) {
    const code = errorCode(err);
    if (code === 'ENOTFOUND' || code === 'ENODATA') return [];
    throw new HostError(`"${hostname}" could not be resolved`, {}, { cause: err });
  }
}
