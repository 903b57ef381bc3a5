import { RefusedError } from '#runtime/base/errors.ts';
import type { DatabasesWorld } from '#runtime/drivers/databases/create-driver.ts';
import { dumpIsLost } from '#runtime/drivers/databases/archive.ts';
import { notThere, type Claimant, type DatabaseSettings } from '#runtime/drivers/databases/model.ts';
import { removeDump, type ServerHost } from '#runtime/drivers/databases/server-host.ts';
import { change, inside } from './administration.ts';
import { adoption, isAdopted } from './adopt.ts';
import { forgetBefore } from './close-others.ts';
import { groupsOf } from './groups.ts';
import { factsOf, lookAtDatabase, lookAtGroups, type SeenDatabase } from './look.ts';
import { markDatabase, rightsOf } from './mark.ts';
import { refuseForeign } from './refuse-foreign.ts';
import type { Ask } from './session.ts';
import { endSessions } from './sessions.ts';
import { list, literal, name as quoted, shipped, sql, together, type Sql } from './sql.ts';
import { takeOver } from './take-over.ts';

interface Wanted extends Claimant {
  readonly settings: DatabaseSettings;
}

/** Makes a database, or brings it to its settings. Its sessions go on unless its access changes. */
export async function putDatabase(wanted: Wanted, { host }: DatabasesWorld, signal: AbortSignal): Promise<void> {
  const { name, settings } = wanted;
  await change(host, signal, async (ask) => {
    const found = await lookAtDatabase(ask, name);
    refuseForeign(found, wanted);
    if (found === undefined && wanted.adopts === true) throw notThere(name);
    if (wanted.adopts === true) {
      const refuse = (): void => refuseOther(found, settings);
      await takeOver({ ...wanted, refuse }, found, { host, ask, signal });
    }
    refuseOther(found, settings);
    if (found?.mark?.settings.access === 'Dumped')
      throw dumpIsLost('postgresql', host, { name, owner: found.owner ?? '' });
    await ask(together([...begin(wanted, found), ...putGroups(name, await lookAtGroups(ask, [name]))]));
    // Nobody is let in before it is finished: everybody may enter a new one.
    if (factsOf(found) === undefined) await ask(createDatabase(name, settings));
    await inside({ host, database: name, signal }, ask, async (askInside) => {
      const isTakenOver = wanted.adopts !== true || (await isAdopted(askInside));
      if (!isTakenOver) await shut(ask, name);
      const ours = await shippedBy(host, insideText, signal);
      await askInside(isTakenOver ? ours : together([ours, await shippedBy(host, adoption, signal)]));
      const state = await lookInside(askInside);
      if (mustShut(settings, state)) await shut(ask, name);
      await putAccess(askInside, settings, state);
      await askInside(together(extensions(settings, state)));
    });
    await removeDump(host, 'postgresql', name, signal);
    await ask(together(finish(wanted, found)));
    if (wanted.adopts === true) await forgetBefore(ask, name);
  });
}

/** Encoding and collation are in every page of it. */
function refuseOther(found: SeenDatabase | undefined, { encoding, collation }: DatabaseSettings): void {
  const facts = factsOf(found);
  if (facts === undefined || (facts.encoding === encoding && facts.collation === collation)) return;
  const message = `The database has encoding ${facts.encoding} and collation ${facts.collation}, and cannot have others: make another one and move the data there.`;
  throw new RefusedError('FixedSetting', message);
}

/** From here on its settings count as unknown, until it is finished. */
function begin({ name, owner }: Wanted, found: SeenDatabase | undefined): readonly Sql[] {
  const mark = sql`INSERT INTO wcp360.marks (kind, name, owner) VALUES ('database', ${literal(name)}, ${literal(owner)})
    ON CONFLICT (kind, name) DO UPDATE SET owner = excluded.owner, mark = NULL, database = (SELECT oid FROM pg_database WHERE datname = excluded.name)`;
  const open = sql`ALTER DATABASE ${quoted(name)} WITH ALLOW_CONNECTIONS true IS_TEMPLATE false`;
  return factsOf(found) === undefined ? [mark] : [mark, open];
}

/** They may nothing by themselves, whatever somebody made of them. */
export function putGroups(database: string, present: ReadonlyMap<string, readonly string[]>): readonly Sql[] {
  return groupsOf(database).flatMap((group) => {
    const role = quoted(group);
    const others = (present.get(group) ?? []).map(quoted);
    return [
      ...(present.has(group) ? [] : [sql`CREATE ROLE ${role}`]),
      ...(others.length === 0 ? [] : [sql`REVOKE ${list(others)} FROM ${role} CASCADE`]),
      sql`ALTER ROLE ${role} NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS INHERIT NOLOGIN`,
    ];
  });
}

/** Nobody but the administrator gets in. */
export function createDatabase(name: string, settings: DatabaseSettings): Sql {
  const collation = literal(settings.collation);
  return sql`CREATE DATABASE ${quoted(name)} TEMPLATE template0 ENCODING ${literal(settings.encoding)} LC_COLLATE ${collation} LC_CTYPE ${collation} LOCALE_PROVIDER libc CONNECTION LIMIT 0`;
}

interface Inside {
  readonly isFull: boolean;
  /** Whether some table could be written to all the same. */
  readonly hasGaps: boolean;
  readonly extensions: readonly string[];
}

const insideText = new URL('./inside/database.sql', import.meta.url);

/** What is ours inside. */
export async function prepareInside(ask: Ask, host: ServerHost, signal: AbortSignal): Promise<void> {
  await ask(await shippedBy(host, insideText, signal));
}

async function shippedBy(host: ServerHost, text: URL, signal: AbortSignal): Promise<Sql> {
  return shipped(await host.readProgramText(text, signal));
}

async function lookInside(ask: Ask): Promise<Inside> {
  const look = sql`SELECT wcp360.is_full() AS "isFull", EXISTS (SELECT FROM wcp360.unguarded) AS "hasGaps",
    ARRAY(SELECT extname::text FROM pg_extension WHERE extname <> 'plpgsql') AS extensions`;
  return (await ask(look))[0] as unknown as Inside;
}

/** Locks, temporary tables and large objects that are open belong to sessions. */
function mustShut({ access }: DatabaseSettings, { isFull, hasGaps }: Inside): boolean {
  if (access === 'Closed') return true;
  return access === 'Open' ? isFull : !isFull || hasGaps;
}

async function shut(ask: Ask, name: string): Promise<void> {
  await ask(sql`REVOKE ALL ON DATABASE ${quoted(name)} FROM PUBLIC, ${list(groupsOf(name).map(quoted))} CASCADE`);
  await endSessions(ask, sql`datname = ${literal(name)}`);
}

/** A closed one stays as it is inside. */
async function putAccess(ask: Ask, { access }: DatabaseSettings, { isFull }: Inside): Promise<void> {
  if (access === 'Full') {
    await ask(sql`SELECT wcp360.fill()`);
    await untilDone(ask, sql`SELECT wcp360.guard() AS "isDone"`);
  } else if (access === 'Open' || !isFull) {
    await untilDone(ask, sql`SELECT wcp360.unguard() AS "isDone"`);
    await ask(sql`SELECT wcp360.reopen()`);
  }
}

async function untilDone(ask: Ask, some: Sql): Promise<void> {
  while ((await ask(some))[0]?.['isDone'] !== true);
}

function extensions({ extensions: wanted }: DatabaseSettings, { extensions: present }: Inside): readonly Sql[] {
  return [
    ...present.filter((each) => !wanted.includes(each)).map((each) => sql`DROP EXTENSION ${quoted(each)}`),
    ...addExtensions(wanted.filter((each) => !present.includes(each))),
  ];
}

export function addExtensions(names: readonly string[]): readonly Sql[] {
  return [...names.map((each) => sql`CREATE EXTENSION ${quoted(each)} SCHEMA public`), sql`SELECT wcp360.note()`];
}

function finish({ name, settings }: Wanted, found: SeenDatabase | undefined): readonly Sql[] {
  const database = quoted(name);
  const grantees = new Set((factsOf(found)?.grants ?? []).map((grant) => grant.slice(grant.indexOf(' ') + 1)));
  const others = [...grantees].filter((grantee) => grantee !== '').map(quoted);
  const mark = literal(JSON.stringify(markDatabase(settings)));
  return [
    sql`ALTER DATABASE ${database} OWNER TO CURRENT_USER`,
    sql`REVOKE ALL ON DATABASE ${database} FROM ${list([sql`PUBLIC`, ...groupsOf(name).map(quoted), ...others])} CASCADE`,
    ...rightsOf(name, settings.access).map(
      ([group, may]) => sql`GRANT ${list(may.map(shipped))} ON DATABASE ${database} TO ${quoted(group)}`,
    ),
    sql`ALTER DATABASE ${database} RESET ALL`,
    sql`ALTER DATABASE ${database} CONNECTION LIMIT -1`,
    sql`UPDATE wcp360.marks SET mark = ${mark}, database = (SELECT oid FROM pg_database WHERE datname = ${literal(name)})
      WHERE kind = 'database' AND name = ${literal(name)}`,
  ];
}
