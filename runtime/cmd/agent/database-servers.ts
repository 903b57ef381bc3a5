import { databaseServerKind, type DatabaseServer } from '#schemas/v1alpha1/database-server.ts';
import type { Engine } from '#controllers/database-names.ts';
import { HostError } from '#runtime/base/errors.ts';
import type { ServerHost } from '#runtime/drivers/databases/server-host.ts';
import type { SecretReader } from '#runtime/drivers/secret-reader.ts';
import { ownMariadb, startMariadb } from '#runtime/drivers/mariadb/index.ts';
import { ownPostgresql, startPostgresql } from '#runtime/drivers/postgresql/index.ts';
import type { Host, HostCapabilities } from '#runtime/host/host.ts';
import { debianServer, externalServer } from '#runtime/cmd/declared-server.ts';
import type { Cache } from '#runtime/manager/cache.ts';
import type { Logger } from '#runtime/telemetry/logger.ts';

/** The database servers that this machine keeps for itself, by the names of their drivers. */
export type OwnServers = Readonly<Record<'postgresql' | 'mariadb', ServerHost>>;

interface Parts {
  readonly host: Host;
  readonly log: Logger;
  readonly signal: AbortSignal;
}

const names = ['postgresql', 'mariadb'] as const;
/** Of the machine's memory, for pages of tables of each server that somebody uses. */
const memoryShare = 1 / 16;
const connections = 500;

/** Servers that were made here before run from now on; others are made when somebody needs them. */
export async function openDatabaseServers({ host, log, signal }: Parts): Promise<OwnServers> {
  const capabilities = await host.capabilities(signal);
  const running = new Map<string, Promise<void>>();
  const start = (name: string) => async (asking: AbortSignal) => {
    const starting = running.get(name) ?? startOne(name, { host, capabilities }, signal);
    running.set(name, starting);
    starting.catch(() => running.delete(name));
    asking.throwIfAborted();
    await starting;
  };
  const servers = {
    postgresql: { ...ownPostgresql(host), start: start('postgresql') },
    mariadb: { ...ownMariadb(host), start: start('mariadb') },
  };
  for (const name of names) {
    if (!(await servers[name].hasServer(signal))) continue;
    await servers[name].start(signal).catch((err: unknown) => {
      if (!(err instanceof HostError)) throw err;
      log.warn({ err, name }, 'the database server does not start');
    });
  }
  return servers;
}

async function startOne(
  name: string,
  { host, capabilities }: { readonly host: Host; readonly capabilities: HostCapabilities },
  signal: AbortSignal,
): Promise<void> {
  const { postgresql, mariadb, size } = capabilities;
  const { root } = host;
  if (name === 'postgresql' && postgresql !== undefined) {
    const { programs, uid, gid } = postgresql;
    return await startPostgresql(host, { root, programs, uid, gid, memoryBytes: size.memoryBytes }, signal);
  }
  if (name === 'mariadb' && mariadb !== undefined) {
    const { uid, gid } = mariadb;
    const bufferBytes = Math.floor(size.memoryBytes * memoryShare);
    return await startMariadb(host, { root, uid, gid, bufferBytes, connections }, signal);
  }
  throw new HostError(`this host has no ${name}`);
}

interface Known {
  readonly hostName: string;
  readonly own: OwnServers;
  readonly host: Host;
  readonly secrets: SecretReader;
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
  const open = new Map<string, { readonly spec: string; readonly host: ServerHost }>();
  const versions = new Map<string, string>();
  const hostOf = (server: DatabaseServer): ServerHost => {
    const { name } = server.metadata;
    const spec = JSON.stringify(server.spec);
    const found = open.get(name);
    if (found?.spec === spec) return found.host;
    const onVersion = (version: string): void => void versions.set(`${server.spec.engine}/${name}`, version);
    const host = serverHostOf(server, known, onVersion);
    open.set(name, { spec, host });
    return host;
  };
  const of = (driver: string, cache: Cache): readonly ServerHost[] => {
    const own = driver === 'postgresql' || driver === 'mariadb' ? [known.own[driver]] : [];
    const others = cache
      .list(databaseServerKind)
      .filter((server) => server.spec.engine === engineOf[driver] && isUsed(server, known.hostName));
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

/** Nobody looks at a server that nobody here needs. */
function isUsed({ spec, status }: DatabaseServer, hostName: string): boolean {
  return spec.managed === undefined && status?.hosts?.includes(hostName) === true;
}

function serverHostOf(
  { metadata: { name }, spec }: DatabaseServer,
  { host, secrets }: Known,
  onVersion: (version: string) => void,
): ServerHost {
  const { engine, external, versions } = spec;
  const means = { secrets, readProgramText: host.readProgramText, onVersion, machine: host };
  return external === undefined
    ? debianServer({ name, engine, versions }, means)
    : externalServer({ name, external, versions }, means);
}
