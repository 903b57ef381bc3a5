import { createHash } from 'node:crypto';
import type { Duplex } from 'node:stream';
import type { Engine } from '#controllers/database-names.ts';
import { HostError } from '#runtime/base/errors.ts';
import { createTurns, type Turns } from '#runtime/base/turns.ts';
import type { Reached, Relay } from '#runtime/drivers/databases/relay.ts';
import type { ServerWay } from '#runtime/drivers/databases/programs.ts';
import { relayMariadb } from '#runtime/drivers/mariadb/index.ts';
import { relayPostgresql } from '#runtime/drivers/postgresql/index.ts';
import type { Host } from '#runtime/host/host.ts';
import { serveUnix } from '#runtime/host/local/sockets.ts';

/** A server elsewhere, as far as programs of this machine are led there. */
export interface RelayedServer {
  /** Of its DatabaseServer. */
  readonly name: string;
  readonly engine: Engine;
  /** HostError or PostponedError when nobody answers. */
  readonly reach: (signal: AbortSignal) => Promise<Reached>;
}

/** Sockets that lead to servers elsewhere. */
export interface DatabaseRelays {
  /** From now on programs come so to a server of this name, also by a socket that is open already. */
  lead(server: RelayedServer): OpenWay;
  /** Ends what is open to a server that is none any more. */
  leave(server: Pick<RelayedServer, 'name' | 'engine'>): void;
}

/** A way that only programs of a uid may go; it is open until its server is left. HostError when it cannot be opened. */
type OpenWay = (uid: number, signal: AbortSignal) => Promise<ServerWay>;

const relays: Readonly<Record<Engine, Relay>> = { PostgreSQL: relayPostgresql, MariaDB: relayMariadb };
const socketFiles: Readonly<Record<Engine, string>> = { PostgreSQL: '.s.PGSQL.5432', MariaDB: 'mariadb.sock' };
/** Of one tenant, on one server: more than its logins may have there. */
const maxConnections = 256;
/** Of these, so many may be about to log in. */
const maxLogins = 16;
const loginTimeoutMs = 30_000;

/** Where programs of a uid find the socket that leads to a server; short, since the path of a socket is. */
export function relayWay(
  root: string,
  { name, engine }: Pick<RelayedServer, 'name' | 'engine'>,
  uid: number,
): ServerWay {
  const id = createHash('sha256').update(name).digest('hex').slice(0, 12);
  return { socketDirectory: `${relaysDirectory(root)}/${id}-${String(uid)}`, socketFile: socketFiles[engine] };
}

function relaysDirectory(root: string): string {
  return `${root}/run/relays`;
}

/**
 * Programs speak without TLS to a socket of this machine, and it is the agent that speaks TLS to the server: by what the DatabaseServer says that is known, whatever
 * a program can do, and also for those in a sandbox without network. What is said in between is passed on as it is; the agent knows no password of it.
 */
export function createDatabaseRelays(host: Pick<Host, 'root' | 'makeDirectory'>, over: AbortSignal): DatabaseRelays {
  const open = new Map<string, OpenServer>();
  return {
    lead: (server) => {
      const key = keyOf(server);
      const { ways, left } = open.get(key) ?? { ways: new Map<string, Promise<void>>(), left: new AbortController() };
      open.set(key, { server, ways, left });
      const signal = AbortSignal.any([over, left.signal]);
      const serve = (client: Duplex, logins: Turns): void => {
        const { engine, name, reach } = open.get(key)?.server ?? server;
        const inTime = AbortSignal.any([signal, AbortSignal.timeout(loginTimeoutMs)]);
        void relays[engine]({ client, name, reach, logins, signal: inTime });
      };
      return async (uid, asking) => {
        if (left.signal.aborted) throw new HostError(`DatabaseServer ${server.name} is not used here any more`);
        const way = relayWay(host.root, server, uid);
        const listening = ways.get(way.socketDirectory) ?? listen(host, { way, uid }, serve, signal);
        ways.set(way.socketDirectory, listening);
        listening.catch(() => ways.delete(way.socketDirectory));
        asking.throwIfAborted();
        await listening;
        return way;
      };
    },
    leave: (server) => {
      open.get(keyOf(server))?.left.abort();
      open.delete(keyOf(server));
    },
  };
}

interface OpenServer {
  /** As it was told of last. */
  readonly server: RelayedServer;
  /** By directory. */
  readonly ways: Map<string, Promise<void>>;
  readonly left: AbortController;
}

function keyOf({ engine, name }: Pick<RelayedServer, 'name' | 'engine'>): string {
  return `${engine}/${name}`;
}

async function listen(
  host: Pick<Host, 'root' | 'makeDirectory'>,
  { way, uid }: { readonly way: ServerWay; readonly uid: number },
  serve: (client: Duplex, logins: Turns) => void,
  signal: AbortSignal,
): Promise<void> {
  const { root } = host;
  const { socketDirectory, socketFile = '' } = way;
  for (const directory of [`${root}/run`, relaysDirectory(root)])
    await host.makeDirectory(directory, { mode: 0o711, uid: 0, gid: 0 }, signal);
  await host.makeDirectory(socketDirectory, { mode: 0o750, uid: 0, gid: uid }, signal);
  const ownership = { mode: 0o660, uid: 0, gid: uid };
  const place = { roots: [root], path: `${socketDirectory}/${socketFile}`, ownership, maxConnections } as const;
  const logins = createTurns(maxLogins);
  await serveUnix(
    place,
    (socket) =>
      serve(
        socket.on('error', () => socket.destroy()),
        logins,
      ),
    signal,
  );
}
