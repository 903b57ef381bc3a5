import type { ListenOptions, Server, Socket } from 'node:net';

/** Serves at an address, or at the path of a socket, as long as `use` runs; it is given the port. */
export async function serving<T>(server: Server, where: ListenOptions, use: (port: number) => Promise<T>): Promise<T> {
  const open = new Set<Socket>();
  server.on('connection', (socket) => open.add(socket));
  await new Promise<void>((resolve) => server.listen(where, resolve));
  try {
    const address = server.address();
    return await use(typeof address === 'object' ? (address?.port ?? 0) : 0);
  } finally {
    for (const socket of open) socket.destroy();
    server.close();
  }
}
