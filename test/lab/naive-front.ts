import { readFile } from 'node:fs/promises';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { join } from 'node:path';
import type { Site } from '#runtime/drivers/nginx/index.ts';

/**
 * A front that believes what stands in a request: paths are put together, bytes are passed on. It shows what requests do that nginx refuses.
 * Listens on a port of its own until the signal.
 */
export async function startNaiveFront(root: string, signal: AbortSignal): Promise<number> {
  const open = new Set<Socket>();
  const server = createServer((socket) => {
    open.add(socket);
    socket.once('close', () => open.delete(socket));
    socket.on('error', () => undefined);
    let bytes = '';
    socket.setEncoding('latin1');
    socket.on('data', (part: string) => {
      bytes += part;
      if (isWhole(bytes)) answer(root, socket, bytes).catch(() => socket.destroy());
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  signal.addEventListener('abort', () => {
    server.close();
    for (const socket of open) socket.destroy();
  });
  return (server.address() as AddressInfo).port;
}

/** By the last Content-Length that is written as it should be, and nothing else. */
function isWhole(bytes: string): boolean {
  const end = bytes.indexOf('\r\n\r\n');
  const length = Number([...bytes.slice(0, end).matchAll(/^content-length: (\d+)\r?$/gim)].at(-1)?.[1] ?? 0);
  return end >= 0 && bytes.length - end - 4 >= length;
}

async function answer(root: string, socket: Socket, bytes: string): Promise<void> {
  const [, path = '/'] = bytes.split(' ');
  const hostname = /^host: ([^\r\n:]+)/im.exec(bytes)?.[1] ?? '';
  const { serve } = JSON.parse(await readFile(join(root, 'front/sites', hostname), 'utf8')) as Site;
  if (serve.type === 'proxy' && serve.target.type === 'address') {
    const backend = connect(serve.target.port, serve.target.host);
    backend.on('error', () => socket.destroy());
    backend.pipe(socket);
    backend.write(bytes, 'latin1');
    return;
  }
  if (serve.type !== 'static') return void socket.destroy();
  const file = join(serve.base, serve.root, decodeURIComponent(path));
  const body = await readFile(file, 'utf8').catch(() => undefined);
  socket.end(`HTTP/1.1 ${body === undefined ? 404 : 200} x\r\nConnection: close\r\n\r\n${body ?? ''}`);
}
