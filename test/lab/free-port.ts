import { createServer } from 'node:net';

/** Below the kernel's ephemeral range (32768 and up): a port from there could be given to somebody's outgoing connection before its service listens. */
const first = 20_000;
const count = 12_000;

/** A port of 127.0.0.1 and ::1 that nobody listens on. Chosen at random, so that processes that ask at the same time get different ones. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = first + Math.floor(Math.random() * count);
    if (await isFree(port)) return port;
  }
}

async function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, '::', () => server.close(() => resolve(true)));
  });
}
