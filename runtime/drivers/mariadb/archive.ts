import { randomBytes } from 'node:crypto';
import {
  dumpIsLeft,
  type Archiving,
  type Copy,
  type Dumped,
  type Holding,
  type Place,
} from '#runtime/drivers/databases/archive.ts';
import type { Claimant, DatabaseSettings } from '#runtime/drivers/databases/model.ts';
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
import { restoreMakers } from './restore-makers.ts';
import { openApart, withServer, type Server } from './server.ts';
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
  form: mariadbOwnDumps,
  closed: async ({ name, owner }, host, signal) => {
    const mark = await markOn(host, name, signal);
    const settings = mark?.isSettled === true && mark.owner === owner ? mark.settings : undefined;
    return settings?.access === 'Closed' ? settings : undefined;
  },
  dumped,
  prepare,
  endFilling: async (name, host, signal) => await endSessions(host, [loginsOf(name, host).filler.name], signal),
  fills: 'stay',
  discard: async (name, host, signal) => {
    await dropLogins(name, host, signal);
    await withServer(host, signal, async (server) => await server.tell(dropDatabase(copyOf(name))));
  },
  adopt: async (name, host, signal) => {
    await dropLogins(name, host, signal);
    await withServer(host, signal, async (server) => {
      const mark = await markOf(server, name);
      if (mark?.settings !== undefined)
        await putMark(server, 'database', { ...mark, settings: { ...mark.settings, access: 'Closed' } });
    });
  },
  contents,
  restoreMakers: restoreMakersOf,
  setDown,
};

/** Nothing of ours, or of a tenant's, can have such a name. */
function copyOf(name: string): string {
  return `${name}-copy`;
}

function databaseOf({ name, to }: Place): string {
  return to === 'compare' ? copyOf(name) : name;
}

async function* contents({ name, to }: Place, host: ServerHost, signal: AbortSignal): AsyncGenerator<string> {
  const server = await openApart(host, signal);
  try {
    yield* contentsOf(server, { name, database: databaseOf({ name, to }) });
  } finally {
    server.close();
  }
}

/** Who fills a copy, and who makes things in it anew with the makers that they had: they come from this machine. */
function loginsOf(name: string, { isRemote }: ServerHost): { readonly filler: Account; readonly maker: Account } {
  const host = isRemote ? anywhere : bySocket;
  return { filler: { name: `${name}-filler`, host }, maker: { name: `${name}-maker`, host } };
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

async function prepare(
  { name, to, settings }: Copy,
  { host, way }: { readonly host: ServerHost; readonly way: ServerWay },
  signal: AbortSignal,
): Promise<DatabaseProgram> {
  const database = databaseOf({ name, to });
  const { filler } = loginsOf(name, host);
  const password = newPassword();
  await dropLogins(name, host, signal);
  await withServer(host, signal, async (server) => {
    await server.tell(dropDatabase(copyOf(name)));
    await server.tell(dropDatabase(database));
    await server.tell(createDatabase(database, settings));
    await makeLogin(server, filler, { password, database });
  });
  return mariadbProgram(way, { database, username: filler.name, password }, 'restore');
}

/** Who filled the copy is locked out of it, and has what it made until that is somebody else's. Who may name makers runs nothing that others wrote. */
async function restoreMakersOf(
  { name, to }: Place,
  noted: AsyncIterable<string>,
  host: ServerHost,
  signal: AbortSignal,
): Promise<void> {
  const database = databaseOf({ name, to });
  const { filler, maker } = loginsOf(name, host);
  const password = newPassword();
  await dropLogins(name, host, signal);
  try {
    await withServer(host, signal, async (server) => {
      await makeLogin(server, filler, { password: newPassword(), database, isLocked: true });
      await makeLogin(server, maker, { password, database });
      await server.tell(letNameDefiners(maker));
    });
    await restoreMakers(noted, { name, database, filler, maker: { ...maker, password }, host, signal });
  } finally {
    await dropLogins(name, host, signal);
  }
}

function newPassword(): string {
  return randomBytes(24).toString('base64url');
}

/** With the rights of an owner on one database, and one session. */
async function makeLogin(
  server: Server,
  login: Account,
  { password, database, isLocked = false }: { password: string; database: string; isLocked?: boolean },
): Promise<void> {
  const limits = { statementTimeoutMs: 0, temporaryBytes: 0 };
  await server.tell(createLogin(login, [nativeHash(password)], { connections: 1, limits, isLocked }));
  await server.tell(grant(ownersPrivileges, patternOf(database), login));
}

async function dropLogins(name: string, host: ServerHost, signal: AbortSignal): Promise<void> {
  const logins = Object.values(loginsOf(name, host));
  await withServer(host, signal, async (server) => {
    for (const login of logins) await server.tell(dropLogin(login));
  });
  await endSessions(
    host,
    logins.map((login) => login.name),
    signal,
  );
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
