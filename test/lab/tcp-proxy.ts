import { connect, createServer, type ListenOptions, type Server, type Socket } from 'node:net';

/** A way to a port on loopback that a test can cut. */
export interface TcpProxy {
  readonly port: number;
  /** Connections that were made so far. */
  connections(): number;
  /** Breaks all connections, as a restarted router would; new ones are let through. */
  cut(): void;
  /** Lets nothing through any more and tells nobody, until `open`. */
  freeze(): void;
  open(): void;
  close(): Promise<void>;
}

/** Listens on a free port of loopback unless said, and forwards to `target` on loopback, which may be another one for each connection. */
export async function startTcpProxy(target: number | (() => number), listen: ListenOptions = {}): Promise<TcpProxy> {
  const sockets = new Set<Socket>();
  let count = 0;
  let frozen = false;
  const server: Server = createServer((incoming) => {
    count++;
    const outgoing = connect(typeof target === 'number' ? target : target(), '127.0.0.1');
    join(incoming, outgoing);
    join(outgoing, incoming);
  });
  function join(from: Socket, to: Socket): void {
    sockets.add(from);
    from.on('data', (chunk) => {
      if (!frozen) to.write(chunk);
    });
    from.on('error', () => to.destroy());
    from.on('close', () => {
      sockets.delete(from);
      to.destroy();
    });
  }
  const destroyAll = (): void => {
    for (const socket of sockets) socket.resetAndDestroy();
  };
  await new Promise<void>((resolve) => server.listen({ host: '127.0.0.1', port: 0, ...listen }, resolve));
  const listening = server.address();
  return {
    port: typeof listening === 'object' && listening !== null ? listening.port : 0,
    connections: () => count,
    cut: destroyAll,
    freeze: () => (frozen = true),
    open: () => {
      frozen = false;
      destroyAll();
    },
    close: () => {
      destroyAll();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}
