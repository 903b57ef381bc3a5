import { once } from 'node:events';
import { randomInt } from 'node:crypto';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { externalServer } from '#runtime/cmd/declared-server.ts';
import type { ServerHost, VersionRange } from '#runtime/drivers/databases/server-host.ts';
import type { Engine } from '#controllers/database-names.ts';
import { createDatabaseRelays } from '#runtime/cmd/agent/database-relays.ts';
import type { Host } from '#runtime/host/host.ts';
import { createLabAuthority, type Identity } from './pki.ts';

/** What the certificate of a server elsewhere is for. */
export const serverName = 'db.internal';
/** What a relay is reached by, for programs that look for the name that they come by. */
const relayName = 'localhost';
export const administrator = { username: 'boss', password: "it's the boss" };

/** Where a server elsewhere is: an address of loopback that nobody else has, so that it can have its usual port. */
export interface Elsewhere {
  readonly address: string;
  readonly authorities: string;
  readonly identity: Identity;
  /** Until when it is there. */
  readonly over: AbortSignal;
}

export async function somewhereElse(over: AbortSignal = AbortSignal.abort()): Promise<Elsewhere> {
  const authority = await createLabAuthority();
  const address = `127.${randomInt(1, 255)}.${randomInt(1, 255)}.${randomInt(2, 255)}`;
  return {
    address,
    authorities: authority.ca.toString(),
    identity: await authority.server([serverName, relayName, address]),
    over,
  };
}

/** `spec.external` of a DatabaseServer, whose Secret is `secret`. */
export function externalOf(engine: Engine, secret: string, { address, authorities }: Elsewhere) {
  return {
    address: `${address}:${engine === 'PostgreSQL' ? '5432' : '3306'}`,
    adminSecretRef: { name: secret },
    tls: { caBundle: authorities, serverName },
  };
}

/** Puts its certificate where the server reads it. */
export async function placeIdentity(
  host: Host,
  {
    identity,
    directory,
    uid,
    gid,
  }: Pick<Elsewhere, 'identity'> & {
    readonly directory: string;
    readonly uid: number;
    readonly gid: number;
  },
  signal: AbortSignal,
): Promise<{ readonly certificate: string; readonly key: string }> {
  const paths = { certificate: `${directory}/server.crt`, key: `${directory}/server.key` };
  await host.replaceFile(paths.certificate, identity.cert.toString(), { mode: 0o644, uid, gid }, signal);
  await host.replaceFile(paths.key, identity.key.toString(), { mode: 0o600, uid, gid }, signal);
  return paths;
}

/** A server as a DatabaseServer tells of it. */
export interface Declared extends Pick<Elsewhere, 'address' | 'authorities' | 'over'> {
  readonly engine: Engine;
  readonly port: number;
  readonly name?: string;
  readonly versions?: VersionRange;
}

/** The way to it that the agent takes. */
export function elsewhereHost(
  machine: Host,
  { engine, address, authorities, over, port, name = serverName, versions = {} }: Declared,
  user: Readonly<Record<string, string>> = administrator,
): ServerHost {
  const tls = { caBundle: authorities, serverName: name };
  const external = { address: `${address}:${String(port)}`, adminSecretRef: { name: 'boss' }, tls };
  const secrets = { read: () => Promise.resolve(user) };
  const { readProgramText } = machine;
  const relays = createDatabaseRelays(machine, over);
  return externalServer({ name: 'main', engine, external, versions }, { readProgramText, secrets, machine, relays });
}

/** The same by a relay, all of whose connections break once so many messages were sent by it: those of TLS can be counted, and no more. */
export async function breakableElsewhere(
  host: Host,
  declared: Declared,
  signal: AbortSignal,
): Promise<{ readonly host: ServerHost; readonly breakAfter: (messages: number | undefined) => void }> {
  let left = Number.POSITIVE_INFINITY;
  const { address, port } = declared;
  const open = new Set<Socket>();
  const relay = createServer((client) => {
    const server = connect({ host: address, port });
    for (const socket of [client, server])
      open.add(
        socket
          .on('error', () => undefined)
          .on('close', () => (open.delete(socket), client.destroy(), server.destroy())),
      );
    client.on('data', (chunk) => {
      left -= 1;
      if (left >= 0) server.write(chunk);
      else open.forEach((each) => each.destroy());
    });
    server.pipe(client);
  });
  relay.listen(0, '127.0.0.1');
  await once(relay, 'listening');
  signal.addEventListener('abort', () => {
    relay.close();
    open.forEach((each) => each.destroy());
  });
  const { port: relayPort } = relay.address() as AddressInfo;
  const relayed = { ...declared, address: relayName, name: relayName, port: relayPort };
  return {
    host: elsewhereHost(host, relayed),
    breakAfter: (messages) => void (left = messages ?? Number.POSITIVE_INFINITY),
  };
}
