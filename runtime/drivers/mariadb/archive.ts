import { randomBytes } from 'node:crypto';
import {
  dumpIsLeft,
  type Archiving,
  type Copy,
  type Dumped,
  type Holding,
} from '#runtime/drivers/databases/archive.ts';
import type { Claimant, DatabaseSettings, LoginSettings } from '#runtime/drivers/databases/model.ts';
import type { DatabaseProgram, ServerWay } from '#runtime/drivers/databases/programs.ts';
import type { ServerHost } from '#runtime/drivers/databases/server-host.ts';
import { takeDatabaseAway } from './apply-database.ts';
import { claim } from './claim.ts';
import { contentsOf } from './contents.ts';
import { endSessions } from './end-sessions.ts';
import { putMark, readMarks, settleMark, type Mark } from './marks.ts';
import { nativeHash } from './native-password.ts';
import { anywhere, bySocket } from './places.ts';
import { ownersPrivileges } from './privileges.ts';
import { mariadbDumper, mariadbOwnDumps, mariadbProgram } from './programs.ts';
import { withServer, withServerApart, type Server } from './server.ts';
import {
  createDatabase,
  createLogin,
  dropDatabase,
  dropLogin,
  grant,
  letNameDefiners,
  patternOf,
  type Account,
} from './statements.ts';

/** What dumps runs as root does. */
const root = 0;

/** How a database of MariaDB becomes a file, and is made of one: under its own name, where nobody has a right on it before it is whole. */
export const mariadbArchiving: Archiving = {
  dumper: async (name, host, signal) =>
    mariadbDumper(await host.way(root, signal), await host.administrator(signal), name),
  form: ({ username }) => mariadbOwnDumps(username),
  closed: async ({ name, owner }, host, signal) => {
    const mark = await markOn(host, name, signal);
    const settings = mark?.isSettled === true && mark.owner === owner ? mark.settings : undefined;
    return settings?.access === 'Closed' ? settings : undefined;
  },
  dumped,
  prepare,
  fills: 'stay',
  discard: async (name, host, signal) => {
    await dropFiller(name, host, signal);
    await withServer(host, signal, async (server) => await server.tell(dropDatabase(copyOf(name))));
  },
  adopt: async (name, host, signal) => {
    await dropFiller(name, host, signal);
    await withServer(host, signal, async (server) => {
      const mark = await markOf(server, name);
      if (mark?.settings !== undefined)
        await putMark(server, 'database', { ...mark, settings: { ...mark.settings, access: 'Closed' } });
    });
  },
  contents: async ({ name, to }, host, signal) =>
    await withServerApart(
      host,
      signal,
      async (server) => await contentsOf(server, to === 'compare' ? copyOf(name) : name),
    ),
  setDown,
};

/** Nothing of ours, or of a tenant's, can have such a name. */
function copyOf(name: string): string {
  return `${name}-copy`;
}

/** Who fills a copy, and comes from this machine. */
function fillerOf(name: string, { isRemote }: ServerHost): Account {
  return { name: `${name}-filler`, host: isRemote ? anywhere : bySocket };
}

async function markOn(
  host: ServerHost,
  name: string,
  signal: AbortSignal,
): Promise<Mark<DatabaseSettings> | undefined> {
  return await withServer(host, signal, async (server) => await markOf(server, name));
}

async function markOf(server: Server, name: string): Promise<Mark<DatabaseSettings> | undefined> {
  return (await readMarks(server, 'database', [name]))[0];
}

async function dumped(claimant: Claimant, host: ServerHost, signal: AbortSignal): Promise<Dumped | undefined> {
  return await withServer(host, signal, async (server) => {
    await claim(server, 'database', claimant, false);
    const mark = await markOf(server, claimant.name);
    if (mark === undefined) throw dumpIsLeft('mariadb', host, claimant.name);
    const { settings, owner } = mark;
    return settings?.access === 'Dumped' ? { settings, owner } : undefined;
  });
}

const fillersLimits: Pick<LoginSettings, 'connections' | 'limits' | 'isLocked'> = {
  connections: 1,
  limits: { statementTimeoutMs: 0, temporaryBytes: 0 },
  isLocked: false,
};

async function prepare(
  { name, to, settings }: Copy,
  { host, way }: { readonly host: ServerHost; readonly way: ServerWay },
  signal: AbortSignal,
): Promise<DatabaseProgram> {
  const [database, filler] = [to === 'compare' ? copyOf(name) : name, fillerOf(name, host)];
  const password = randomBytes(24).toString('base64url');
  await dropFiller(name, host, signal);
  await withServer(host, signal, async (server) => {
    await server.tell(dropDatabase(copyOf(name)));
    await server.tell(dropDatabase(database));
    await server.tell(createDatabase(database, settings));
    await server.tell(createLogin(filler, [nativeHash(password)], fillersLimits));
    await server.tell(grant(ownersPrivileges, patternOf(database), filler));
    await server.tell(letNameDefiners(filler));
  });
  return mariadbProgram(way, { database, username: filler.name, password }, 'restore');
}

async function dropFiller(name: string, host: ServerHost, signal: AbortSignal): Promise<void> {
  const filler = fillerOf(name, host);
  await withServer(host, signal, async (server) => await server.tell(dropLogin(filler)));
  await endSessions(host, [filler.name], signal);
}

async function setDown(
  { name, owner, settings }: Holding & { readonly settings: DatabaseSettings },
  host: ServerHost,
  signal: AbortSignal,
): Promise<boolean> {
  const isOwn = await withServer(host, signal, async (server) => {
    const mark = await markOf(server, name);
    const isShut = mark?.settings?.access === 'Closed' || mark?.settings?.access === 'Dumped';
    if (mark?.owner !== owner || !isShut) return false;
    await putMark(server, 'database', {
      ...{ name, owner, verifier: undefined },
      settings: { ...settings, access: 'Dumped' },
    });
    return true;
  });
  if (!isOwn) return false;
  await takeDatabaseAway({ name, owner }, host, signal);
  await withServer(host, signal, async (server) => await settleMark(server, 'database', name));
  return true;
}
