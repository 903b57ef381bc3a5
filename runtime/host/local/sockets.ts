import { chmodSync, chownSync, lstatSync, unlinkSync } from 'node:fs';
import { lookup } from 'node:dns/promises';
import { createServer, type Server, type Socket } from 'node:net';
import { HostError } from '#runtime/base/errors.ts';
import type { Ownership } from '#runtime/host/host.ts';
import { errorCode, onPath } from './file-errors.ts';
import { checkPath, type Roots } from './safe-path.ts';

const maxLineBytes = 4096;
const maxConnections = 1024;
const maxAddresses = 16;

interface SocketPlace {
  readonly roots: Roots;
  readonly path: string;
  readonly ownership: Ownership;
}

/** Serves lines on a unix socket until the signal aborts; the socket is removed then. */
export async function listenUnix(
  place: SocketPlace,
  onLine: (line: string) => Promise<string>,
  signal: AbortSignal,
): Promise<void> {
  await serveUnix({ ...place, maxConnections }, (socket) => answerLines(socket, onLine), signal);
}

/** Hands over what connects to a unix socket until the signal aborts; the socket is removed, and what is open ended then. */
export async function serveUnix(
  place: SocketPlace & { readonly maxConnections: number },
  onConnection: (socket: Socket) => void,
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
    onConnection(socket);
  });
  server.maxConnections = place.maxConnections;
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
