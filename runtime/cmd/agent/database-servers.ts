import { databaseServerKind, type DatabaseServer } from '#schemas/v1alpha1/database-server.ts';
import type { Engine } from '#controllers/database-names.ts';
import { HostError, required } from '#runtime/base/errors.ts';
import type { ServerHost } from '#runtime/drivers/databases/server-host.ts';
import type { SecretReader } from '#runtime/drivers/secret-reader.ts';
import { ownMariadb, placeMariadbIdentity, reloadMariadb, startMariadb } from '#runtime/drivers/mariadb/index.ts';
import {
  installedPostgresql,
  ownPostgresql,
  placePostgresqlIdentity,
  reloadPostgresql,
  startPostgresql,
} from '#runtime/drivers/postgresql/index.ts';
import type { OwnServersKeeper } from '#runtime/drivers/own-servers/model.ts';
import type { OwnServerName, OwnServerSettings } from '#runtime/drivers/own-servers/model.ts';
import type { Host } from '#runtime/host/host.ts';
import { debianServer, externalServer } from '#runtime/cmd/declared-server.ts';
import type { DatabaseRelays } from './database-relays.ts';
import type { Cache } from '#runtime/manager/cache.ts';
import type { Logger } from '#runtime/telemetry/logger.ts';
import { createOwnServersKeeper, type StartableServers } from './own-servers.ts';

/** The database servers that this machine keeps for itself, by the names of their drivers, and how they run. */
export type OwnServers = Readonly<Record<OwnServerName, ServerHost>> & { readonly keeper: OwnServersKeeper };

interface Parts {
  readonly host: Host;
  readonly log: Logger;
  readonly signal: AbortSignal;
}

const names = ['postgresql', 'mariadb'] as const;
/** Of the machine's memory, for pages of tables of each server that somebody uses. */
const memoryShare = 1 / 16;
/** Of the disk that the host's root is on, for temporary tables of all tenants together. */
const temporaryShare = 1 / 20;
const leastTemporaryBytes = 64 * 1024 * 1024;
const usualConnections = 500;

/** Servers that were made here before run from now on, as they were set last; others are made when somebody needs them. */
export async function openDatabaseServers({ host, log, signal }: Parts): Promise<OwnServers> {
  const own = { postgresql: ownPostgresql(host), mariadb: ownMariadb(host) };
  const keeper = createOwnServersKeeper(host, startableServers(host, own, signal), signal);
  const kept = (name: OwnServerName): Required<Pick<ServerHost, 'start'>> & ServerHost => ({
    ...own[name],
    start: async (asking) => await keeper.start(name, asking),
    enter: async (asking) => {
      try {
        return await own[name].enter(asking);
      } catch (err) {
        keeper.doubt(name);
        throw err;
      }
    },
  });
  const servers = { postgresql: kept('postgresql'), mariadb: kept('mariadb') };
  for (const name of names) {
    if (!(await servers[name].hasServer(signal))) continue;
    await servers[name].start(signal).catch((err: unknown) => {
      if (!(err instanceof HostError)) throw err;
      log.warn({ err, name }, 'the database server does not start');
    });
  }
  return { ...servers, keeper };
}

function startableServers(
  host: Host,
  own: Readonly<Record<OwnServerName, ServerHost>>,
  signal: AbortSignal,
): StartableServers {
  const common = (name: OwnServerName) => ({
    hasServer: own[name].hasServer,
    start: async (settings: OwnServerSettings) => await startOne(name, { host, settings }, signal),
  });
  return {
    postgresql: {
      ...common('postgresql'),
      port: 5432,
      placeIdentity: async (pair, asking) => {
        const { account } = required((await host.capabilities(asking)).postgresql, 'PostgreSQL');
        const { gid } = required(account, 'the account of PostgreSQL');
        await placePostgresqlIdentity(host, pair, { gid }, asking);
      },
      reload: async (asking) => await reloadPostgresql(host, asking),
    },
    mariadb: {
      ...common('mariadb'),
      port: 3306,
      placeIdentity: async (pair, asking) => {
        const { gid } = required((await host.capabilities(asking)).mariadb, 'MariaDB');
        await placeMariadbIdentity(host, pair, { gid }, asking);
      },
      reload: async (asking) => await reloadMariadb(host, asking),
    },
  };
}

async function startOne(
  name: OwnServerName,
  { host, settings: { connections, network } }: { readonly host: Host; readonly settings: OwnServerSettings },
  signal: AbortSignal,
): Promise<void> {
  const { mariadb, size } = await host.capabilities(signal);
  const common = { root: host.root, ...(network === undefined ? {} : { network }) };
  const postgresql = name === 'postgresql' ? await installedPostgresql(host, signal) : undefined;
  if (postgresql !== undefined) {
    if ('lacks' in postgresql) throw new HostError(`this host lacks ${postgresql.lacks}, of which its data is`);
    const { programs, uid, gid } = postgresql;
    const most = connections === undefined ? {} : { connections };
    return await startPostgresql(
      host,
      { ...common, ...most, programs, uid, gid, memoryBytes: size.memoryBytes },
      signal,
    );
  }
  if (name === 'mariadb' && mariadb !== undefined) {
    const { uid, gid } = mariadb;
    const bufferBytes = Math.floor(size.memoryBytes * memoryShare);
    const temporaryBytes = Math.max(leastTemporaryBytes, Math.floor(size.storageBytes * temporaryShare));
    const settings = { uid, gid, bufferBytes, temporaryBytes, connections: connections ?? usualConnections };
    return await startMariadb(host, { ...common, ...settings }, signal);
  }
  throw new HostError(`this host has no ${name}`);
}

interface Known {
  readonly hostName: string;
  readonly own: Readonly<Record<OwnServerName, ServerHost>>;
  readonly host: Host;
  readonly secrets: SecretReader;
  readonly relays: DatabaseRelays;
  /** Who is noted on servers that nobody has taken up. */
  readonly installation: (signal: AbortSignal) => Promise<string | undefined>;
}

/** The servers that an agent speaks to: its own, and those that DatabaseServers tell of which it may use. */
export interface ServerRoster {
  /** Of this moment; the same object for the same server. */
  readonly of: (driver: string, cache: Cache) => readonly ServerHost[];
  /** One of them. HostError for one that is not among them yet. */
  readonly find: (driver: string, server: string, cache: Cache) => ServerHost;
  /** Of a server that is not its own; `undefined` while nobody has looked. */
  readonly versionOf: (engine: Engine, server: string) => string | undefined;
}

const engineOf: Readonly<Record<string, Engine>> = { postgresql: 'PostgreSQL', mariadb: 'MariaDB' };

export function createServerRoster(known: Known): ServerRoster {
  const open = new Map<string, { readonly server: DatabaseServer; readonly spec: string; readonly host: ServerHost }>();
  const versions = new Map<string, string>();
  let declared: ReadonlySet<string> | undefined;
  const isGone = (server: string): boolean => declared?.has(server) === false;
  const hostOf = (server: DatabaseServer): ServerHost => {
    const key = keyOf(server);
    const { engine, external, versions: fit } = server.spec;
    const spec = JSON.stringify({ engine, external, fit });
    const found = open.get(key);
    if (found?.spec === spec) return found.host;
    const onVersion = (version: string): void => void versions.set(key, version);
    const host = serverHostOf(server, known, { onVersion, isGone });
    open.set(key, { server, spec, host });
    return host;
  };
  const leaveOthers = (engine: Engine | undefined, used: ReadonlySet<string>): void => {
    for (const [key, { server }] of open) {
      if (server.spec.engine !== engine || used.has(key)) continue;
      open.delete(key);
      known.relays.leave({ name: server.metadata.name, engine });
    }
  };
  const of = (driver: string, cache: Cache): readonly ServerHost[] => {
    const own = driver === 'postgresql' || driver === 'mariadb' ? [known.own[driver]] : [];
    const engine = engineOf[driver];
    const all = cache.list(databaseServerKind);
    declared = new Set(all.map(({ metadata }) => metadata.name));
    const others = all.filter((server) => server.spec.engine === engine && isUsed(server, known.hostName));
    leaveOthers(engine, new Set(others.map(keyOf)));
    return [...own, ...others.map(hostOf)];
  };
  return {
    of,
    find: (driver, server, cache) => {
      const found = of(driver, cache).find((each) => each.server === server);
      if (found === undefined) throw new HostError(`this host knows of no DatabaseServer ${server} yet`);
      return found;
    },
    versionOf: (engine, server) => versions.get(`${engine}/${server}`),
  };
}

/** One that is made anew under its name may be of another engine. */
function keyOf({ metadata, spec }: DatabaseServer): string {
  return `${spec.engine}/${metadata.name}`;
}

/** Nobody looks at a server that nobody here needs, or that is gone for good. */
function isUsed({ spec, status }: DatabaseServer, hostName: string): boolean {
  return spec.managed === undefined && !spec.lost && status?.hosts?.includes(hostName) === true;
}

function serverHostOf(
  { metadata: { name }, spec }: DatabaseServer,
  { host, secrets, relays, installation }: Known,
  told: Pick<ServerHost, 'onVersion' | 'isGone'>,
): ServerHost {
  const { engine, external, versions } = spec;
  const means = { readProgramText: host.readProgramText, machine: host, ...told };
  return external === undefined
    ? debianServer({ name, engine, versions }, means)
    : externalServer({ name, engine, external, versions }, { ...means, secrets, relays, installation });
}
