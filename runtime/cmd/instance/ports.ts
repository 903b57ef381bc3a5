import { createServer } from 'node:net';
import { networkInterfaces } from 'node:os';
import { systemClock } from '#runtime/base/clock.ts';
import { RefusedError } from '#runtime/base/errors.ts';
import type { UpConfig } from '#runtime/config/instance.ts';
import { hasOwnServer } from './layout.ts';

const looks = 20;
const lookMs = 100;

/** The ports of an instance, the service that listens on each, and the flag that changes it. */
export function portsOf(
  config: UpConfig,
): readonly { readonly port: number; readonly service: string; readonly flag: string }[] {
  const ownServer = hasOwnServer(config);
  return [
    ...(ownServer && config.etcdServers.length === 0
      ? [
          { port: config.etcdClientPort, service: 'etcd', flag: '--etcd-client-port' },
          { port: config.etcdPeerPort, service: 'etcd', flag: '--etcd-peer-port' },
        ]
      : []),
    ...(ownServer ? [{ port: config.apiPort, service: 'server', flag: '--api-port' }] : []),
    { port: config.streamPort, service: 'controller', flag: '--stream-port' },
    { port: config.httpPort, service: 'nginx', flag: '--http-port' },
    ...(config.dnsPort === 0
      ? []
      : [
          { port: config.dnsPort, service: 'pdns', flag: '--dns-port' },
          { port: config.dnsApiPort, service: 'pdns', flag: '--dns-api-port' },
        ]),
    ...(config.httpsPort === 0 ? [] : [{ port: config.httpsPort, service: 'nginx', flag: '--https-port' }]),
    ...(config.acmePort === 0
      ? []
      : [
          { port: config.acmePort, service: 'acme', flag: '--acme-port' },
          { port: config.acmeManagementPort, service: 'acme', flag: '--acme-management-port' },
          { port: config.resolverPort, service: 'resolver', flag: '--resolver-port' },
        ]),
  ];
}

/** Where an instance's front listens: machines and containers without IPv6 are common. */
export function loopbackAddresses(): readonly string[] {
  const addresses = Object.values(networkInterfaces()).flatMap((each = []) => each.map(({ address }) => address));
  return ['127.0.0.1', '::1'].filter((address) => addresses.includes(address));
}

/** Refuses when a port is taken by somebody else; services in `running` are our own and may hold theirs. */
export async function checkPorts(config: UpConfig, running: ReadonlySet<string>): Promise<void> {
  for (const { port, service, flag } of portsOf(config)) {
    if (running.has(service)) continue;
    const addresses = service === 'nginx' ? loopbackAddresses() : ['127.0.0.1'];
    if (await isSoonFree(port, addresses)) continue;
    throw new RefusedError(
      'PortTaken',
      `port ${port} (${service}) is taken by another program; stop it, or choose another port with ${flag}`,
    );
  }
}

/** A service of ours that was just killed may still be letting go of its port. */
async function isSoonFree(port: number, addresses: readonly string[]): Promise<boolean> {
  for (let look = 1; ; look += 1) {
    const isFree = await Promise.all(addresses.map((address) => canListen(address, port)));
    if (isFree.every(Boolean)) return true;
    if (look === looks) return false;
    await systemClock.sleep(lookMs);
  }
}

async function canListen(address: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, address, () => server.close(() => resolve(true)));
  });
}
