import type { Claimant, DatabaseSettings, LoginSettings } from '#runtime/drivers/databases/model.ts';
import type { Host } from '#runtime/host/host.ts';
import { privilegesIn } from './account.ts';
import { claim, isOwn } from './claim.ts';
import { endSessions } from './end-sessions.ts';
import { changeGrant } from './change-grant.ts';
import { grantChanges, wantedOn } from './grants.ts';
import { dropMark, handMarkOver, putMark, readMarks, readMarksOn, settleMark, type Mark } from './marks.ts';
import { isSame, readSchemas } from './observe.ts';
import { withServer, type Server } from './server.ts';
import { alterDatabase, createDatabase, dropDatabase, loginHost, patternOf } from './statements.ts';

/** What a database is to be, and for whom. */
interface Wanted extends Claimant {
  readonly settings: DatabaseSettings;
}

/** Its mark, then itself, then the rights of everybody who has a grant on it, then an end to the sessions that know of others. */
export async function putDatabase(wanted: Wanted, host: Host, signal: AbortSignal): Promise<void> {
  const { name, owner, settings } = wanted;
  const logins = await withServer(host, signal, async (server) => {
    const schema = (await readSchemas(server, name)).get(name);
    const before = await claim(server, 'database', wanted, schema !== undefined);
    await putMark(server, 'database', { name, owner, settings, verifier: undefined });
    if (schema === undefined) await server.tell(createDatabase(name, settings));
    else if (!isSame(settings, schema)) await server.tell(alterDatabase(name, settings));
    const hasChanged = await regrant(server, name, settings);
    return hasChanged || before?.isSettled === false ? await loginsAround(server, name, owner) : [];
  });
  await endSessions(host, logins, signal);
  await withServer(host, signal, async (server) => await settleMark(server, 'database', name));
}

/** Closes a database as it is, then hands it over. Nothing when it is somebody else's by now; of one that is not there nothing is left either. */
export async function keepDatabaseOf(
  { heir, ...claimant }: Claimant & { readonly heir: string },
  host: Host,
  signal: AbortSignal,
): Promise<void> {
  const { name } = claimant;
  const schema = await withServer(host, signal, async (server) => {
    if (!(await isOwn(server, 'database', claimant))) return undefined;
    return (await readSchemas(server, name)).get(name) ?? 'gone';
  });
  if (schema === undefined) return;
  if (schema === 'gone') return await dropDatabaseOf(claimant, host, signal);
  await putDatabase({ ...claimant, settings: { ...schema, extensions: [], access: 'Closed' } }, host, signal);
  await withServer(host, signal, async (server) => {
    await handMarkOver(server, 'database', { ...claimant, heir });
  });
}

export async function dropDatabaseOf(claimant: Claimant, host: Host, signal: AbortSignal): Promise<void> {
  const { name, owner } = claimant;
  const logins = await withServer(host, signal, async (server) => {
    if (!(await isOwn(server, 'database', claimant))) return undefined;
    await putMark(server, 'database', { name, owner, settings: undefined, verifier: undefined });
    await regrant(server, name, undefined);
    return await loginsAround(server, name, owner);
  });
  if (logins === undefined) return;
  await endSessions(host, logins, signal);
  await withServer(host, signal, async (server) => {
    await server.tell(dropDatabase(name));
    await dropMark(server, 'database', name);
  });
}

/** Gives everybody who has a grant on a database the rights that go with its settings. Whether any were others before. */
async function regrant(server: Server, database: string, settings: DatabaseSettings | undefined): Promise<boolean> {
  const marks = await readMarksOn(server, database);
  const found = await rightsOn(server, database, marks);
  const pattern = patternOf(database);
  let hasChanged = false;
  for (const { name, settings: login } of marks) {
    const has = found.get(name);
    if (has === undefined || login === undefined) continue;
    const gets = new Map([[pattern, wantedOn(database, login, settings)]]);
    for (const change of grantChanges(new Map([[pattern, has]]), gets)) {
      await changeGrant(server, name, change);
      hasChanged ||= !change.isFirst;
    }
  }
  return hasChanged;
}

/** What these logins have on a database; a login that is not there yet is not in the answer. */
async function rightsOn(
  server: Server,
  database: string,
  logins: readonly Mark<LoginSettings>[],
): Promise<ReadonlyMap<string, readonly string[]>> {
  if (logins.length === 0) return new Map();
  const rows = await server.ask(
    `SELECT account.User AS login, db.* FROM mysql.global_priv AS account
      LEFT JOIN mysql.db ON db.Host = account.Host AND db.User = account.User AND db.Db = ?
      WHERE account.Host = ? AND account.User IN (${logins.map(() => '?').join(', ')})`,
    [patternOf(database), loginHost, ...logins.map(({ name }) => name)],
  );
  return new Map(rows.map((row) => [String(row['login']), privilegesIn(row)]));
}

/**
 * Everybody of the namespace of its owner, and who has a grant on it: a session that is within routines holds the rights of all their definers, and shows
 * those of the innermost alone.
 */
async function loginsAround(server: Server, database: string, owner: string): Promise<readonly string[]> {
  const logins = await readMarks(server, 'login');
  return logins
    .filter(
      (mark) => namespaceOf(mark.owner) === namespaceOf(owner) || Object.hasOwn(mark.settings?.grants ?? {}, database),
    )
    .map(({ name }) => name);
}

/** `Database/acme/shop` → `acme`. */
function namespaceOf(owner: string): string | undefined {
  return owner.split('/').at(-2);
}
