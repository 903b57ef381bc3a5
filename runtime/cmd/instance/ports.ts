import { createServer } from 'node:net';
import { RefusedError } from '#runtime/base/errors.ts';
import type { UpConfig } from '#runtime/config/programs.ts';

/** The ports of an instance, the service that listens on each, and the flag that changes it. */
export function portsOf(
  config: UpConfig,
): readonly { readonly port: number; readonly service: string; readonly flag: string }[] {
  const ownServer = config.kubeconfig === undefined;
  return [
    ...(ownServer && config.etcdServers.length === 0
      ? [
          { port: config.etcdClientPort, service: 'etcd', flag: '--etcd-client-port' },
          { port: config.etcdPeerPort, service: 'etcd', flag: '--etcd-peer-port' },
        ]
      : []),
    ...(ownServer ? [{ port: config.apiPort, service: 'server', flag: '--api-port' }] : []),
    { port: config.httpPort, service: 'nginx', flag: '--http-port' },
  ];
}

/** Refuses when a port is taken by somebody else; services in `running` are our own and may hold theirs. */
export async function checkPorts(config: UpConfig, running: ReadonlySet<string>): Promise<void> {
  for (const { port, service, flag } of portsOf(config)) {
    if (running.has(service) || (await isFree(port))) continue;
    throw new RefusedError(
      'PortTaken',
      `port ${port} (${service}) is taken by another program; stop it, or choose another port with ${flag}`,
    );
  }
}

async function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}
