import { mkdir, open, rm, stat } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Below the kernel's ephemeral range (32768 and up): a port from there could be given to somebody's outgoing connection before its service listens. */
const first = 20_000;
const count = 12_000;
/** Test files run beside each other: a port that one of them was given is nobody else's for so long, whether somebody listens there already or not. */
const reservedMs = 15 * 60_000;
const reservations = join(tmpdir(), 'wcp360-ports');

/** A port of 127.0.0.1 and ::1 that nobody listens on, and nobody else is about to. */
export async function freePort(): Promise<number> {
  await mkdir(reservations, { recursive: true });
  for (;;) {
    const port = first + Math.floor(Math.random() * count);
    if ((await reserve(port)) && (await isFree(port))) return port;
  }
}

async function reserve(port: number): Promise<boolean> {
  const path = join(reservations, String(port));
  const made = await open(path, 'wx').catch(() => undefined);
  await made?.close();
  if (made !== undefined) return true;
  const { mtimeMs } = await stat(path).catch(() => ({ mtimeMs: Date.now() }));
  // Whoever removes it has no claim to it: two could do so at once.
  if (Date.now() - mtimeMs > reservedMs) await rm(path, { force: true });
  return false;
}

async function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, '::', () => server.close(() => resolve(true)));
  });
}
