import { randomInt } from 'node:crypto';
import { connect, Socket } from 'node:net';
import type { Test } from 'tap';
import { run } from './run.ts';

/** Addresses of this machine that a test alone uses, as if they were of a server and of those who come to it. */
export interface LabAddresses {
  /** Where a server listens. */
  readonly server: { readonly v4: string; readonly v6: string };
  /** Two networks, and an address in each. */
  readonly inside: LabNetwork;
  readonly outside: LabNetwork;
}

export interface LabNetwork {
  readonly v4: { readonly network: string; readonly address: string };
  readonly v6: { readonly network: string; readonly address: string };
}

/** Those of IPv4 are loopback's anyway; those of IPv6 are there as long as the test. */
export async function openAddresses(t: Test): Promise<LabAddresses> {
  const [a, b] = [randomInt(1, 255), randomInt(1, 200)];
  const prefix = `fd${randomInt(16, 256).toString(16)}:${randomInt(1, 65_536).toString(16)}:7`;
  const networkOf = (index: number): LabNetwork => ({
    v4: { network: `127.${a}.${b + index}.0/24`, address: `127.${a}.${b + index}.9` },
    v6: { network: `${prefix}:${index}::/64`, address: `${prefix}:${index}::9` },
  });
  const [inside, outside] = [networkOf(1), networkOf(2)];
  const server = { v4: `127.${a}.${b}.1`, v6: `${prefix}:f::1` };
  for (const address of [server.v6, inside.v6.address, outside.v6.address]) {
    await run(['/usr/sbin/ip', '-6', 'address', 'add', `${address}/128`, 'dev', 'lo', 'nodad']);
    t.teardown(async () => void (await run(['/usr/sbin/ip', '-6', 'address', 'del', `${address}/128`, 'dev', 'lo'])));
  }
  return { server, inside, outside };
}

/** A connection that comes from this address. */
export function connectFrom(localAddress: string, to: { readonly host: string; readonly port: number }): Socket {
  return connect({ ...to, localAddress });
}

/** A socket that comes from this address, whoever connects it. */
export function socketFrom(localAddress: string): Socket {
  const socket = new Socket();
  const plain = socket.connect.bind(socket) as (options: object) => Socket;
  return Object.assign(socket, { connect: (port: number, host: string) => plain({ port, host, localAddress }) });
}
