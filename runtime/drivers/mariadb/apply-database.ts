import { dumpIsLost } from '#runtime/drivers/databases/archive.ts';
import type { Claimant, DatabaseSettings, LoginSettings } from '#runtime/drivers/databases/model.ts';
import { removeDump, type ServerHost } from '#runtime/drivers/databases/server-host.ts';
import { privilegesIn } from './account.ts';
import { checkAdopted } from './check-adopted.ts';
import { claim, isOwn } from './claim.ts';
import { endSessions } from './end-sessions.ts';
import { changeGrant } from './change-grant.ts';
import { grantChanges, wantedOn } from './grants.ts';
import { dropMark, putMark, readMarksAround, settleMark, type Mark } from './marks.ts';
import { isSame, readSchemas } from './observe.ts';
import { withServer, type Server } from './server.ts';
import { alterDatabase, createDatabase, dropDatabase, patternOf } from './statements.ts';

/** What a database is to be, and for whom. */
interface Wanted extends Claimant {
  readonly settings: DatabaseSettings;
}

/** Its mark, then itself, then the rights of everybody who has a grant on it, then an end to the sessions that know of others. */
export async function putDatabase(wanted: Wanted, host: ServerHost, signal: AbortSignal): Promise<void> {
  const { name, owner, settings } = wanted;
  const logins = await withServer(host, signal, async (server) => {
    const schema = (await readSchemas(server, name)).get(name);
    const before = await claim(server, 'database', wanted, schema !== undefined);
    if (before !== undefined && isDumped(before)) throw dumpIsLost('mariadb', host, before);
    if (before === undefined && wanted.adopts === true) await checkAdopted(server, name, schema !== undefined);
    await putMark(server, 'database', { name, owner, settings, verifier: undefined });
    if (schema === undefined) await server.tell(createDatabase(name, settings));
    else if (!isSame(settings, schema)) await server.tell(alterDatabase(name, settings));
    const logins = await readMarksAround(server, wanted);
    const hasChanged = await regrant(server, { name, settings }, logins);
    return hasChanged || before?.isSettled === false ? namesOf(logins) : [];
  });
  await endSessions(host, logins, signal);
  await removeDump(host, 'mariadb', name, signal);
  await withServer(host, signal, async (server) => await settleMark(server, 'database', name));
}

function isDumped({ settings }: Mark): boolean {
  return settings !== undefined && 'access' in settings && settings.access === 'Dumped';
}

export async function dropDatabaseOf(claimant: Claimant, host: ServerHost, signal: AbortSignal): Promise<void> {
  const { name, owner } = claimant;
  const isOurs = await withServer(host, signal, async (server) => {
    if (!(await isOwn(server, 'database', claimant))) return false;
    await putMark(server, 'database', { name, owner, settings: undefined, verifier: undefined });
    return true;
  });
  if (!isOurs) return;
  await takeDatabaseAway(claimant, host, signal);
  await removeDump(host, 'mariadb', name, signal);
  await withServer(host, signal, async (server) => await dropMark(server, 'database', name));
}

/**
 * Everybody of the namespace of its owner, and who has a grant on it, whose sessions end with rights: one that is within routines holds the rights of all their
 * definers, and shows those of the innermost alone.
 */
function namesOf(around: readonly Mark<LoginSettings>[]): readonly string[] {
  return around.map(({ name }) => name);
}

/** Nobody has a right on it any more, nor a session that knows of one; then it goes. Its mark stays. */
export async function takeDatabaseAway(
  database: Pick<Claimant, 'name' | 'owner'>,
  host: ServerHost,
  signal: AbortSignal,
): Promise<void> {
  const { name } = database;
  const logins = await withServer(host, signal, async (server) => {
    const around = await readMarksAround(server, database);
    await regrant(server, { name, settings: undefined }, around);
    return namesOf(around);
  });
  await endSessions(host, logins, signal);
  await withServer(host, signal, async (server) => await server.tell(dropDatabase(name)));
}

/** Gives everybody who has a grant on a database the rights that go with its settings. Whether any were others before. */
async function regrant(
  server: Server,
  { name: database, settings }: { readonly name: string; readonly settings: DatabaseSettings | undefined },
  around: readonly Mark<LoginSettings>[],
): Promise<boolean> {
  const marks = around.filter((login) => Object.hasOwn(login.settings?.grants ?? {}, database));
  const found = await rightsOn(server, database, marks);
  const pattern = patternOf(database);
  let hasChanged = false;
  for (const { name, settings: login } of marks) {
    if (login === undefined) continue;
    const gets = new Map([[pattern, wantedOn(database, login, settings)]]);
    for (const [host, has] of found.get(name) ?? [])
      for (const change of grantChanges(new Map([[pattern, has]]), gets)) {
        await changeGrant(server, { name, host }, change);
        hasChanged ||= !change.isFirst;
      }
  }
  return hasChanged;
}

/** What these logins have on a database, by the place that they come from; a login that is not there yet is not in the answer. */
async function rightsOn(
  server: Server,
  database: string,
  logins: readonly Mark<LoginSettings>[],
): Promise<ReadonlyMap<string, readonly (readonly [host: string, privileges: readonly string[]])[]>> {
  if (logins.length === 0) return new Map();
  const rows = await server.ask(
    `SELECT account.User AS login, account.Host AS host, db.* FROM mysql.global_priv AS account
      LEFT JOIN mysql.db ON db.Host = account.Host AND db.User = account.User AND db.Db = ?
      WHERE account.User IN (${logins.map(() => '?').join(', ')})`,
    [patternOf(database), ...logins.map(({ name }) => name)],
  );
  const byLogin = Map.groupBy(rows, (row) => String(row['login']));
  return new Map(
    [...byLogin].map(([login, own]) => [login, own.map((row) => [String(row['host']), privilegesIn(row)] as const)]),
  );
}
