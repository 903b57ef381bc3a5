import { randomBytes } from 'node:crypto';
import {
  dumpIsLeft,
  type Archiving,
  type Copy,
  type Dumped,
  type Holding,
} from '#runtime/drivers/databases/archive.ts';
import type { Claimant, DatabaseSettings } from '#runtime/drivers/databases/model.ts';
import type { DatabaseProgram, ServerWay } from '#runtime/drivers/databases/programs.ts';
import type { ServerHost } from '#runtime/drivers/databases/server-host.ts';
import { administer, change, inside } from './administration.ts';
import { contentsOf } from './contents.ts';
import { takeAway } from './drop.ts';
import { copyEnd, groupOf, groupsOf } from './groups.ts';
import { programsFor } from './installed.ts';
import { letGo, type Place } from './let-go.ts';
import { lookAtDatabase, lookAtGroups } from './look.ts';
import { markDatabase } from './mark.ts';
import { postgresqlDumps, postgresqlProgram, postgresqlDumper } from './programs.ts';
import { addExtensions, createDatabase, prepareInside, putGroups } from './put-database.ts';
import { refuseForeign } from './refuse-foreign.ts';
import type { Ask } from './session.ts';
import { endSessions } from './sessions.ts';
import { literal, name as quoted, sql, together, type Sql } from './sql.ts';
import { unlogged } from './put-login.ts';
import { scramVerifier } from './verifier.ts';

/** What dumps runs as root does. */
const root = 0;

/** How a database of PostgreSQL becomes a file, and is made of one: beside its name, under which it comes when it is whole. */
export const postgresqlArchiving: Archiving = {
  dumper: async (name, host, signal) =>
    postgresqlDumper(
      { way: await host.way(root, signal), programs: await programsFor(host, signal) },
      await host.administrator(signal),
      name,
    ),
  form: postgresqlDumps,
  closed,
  dumped,
  prepare,
  endFilling: async (name, host, signal) => await administer(host, signal, async (ask) => await endFillers(ask, name)),
  fills: 'compare',
  discard: async (name, host, signal) =>
    await change(host, signal, async (ask) => await dropCopy(ask, name, { host, signal })),
  adopt,
  contents: ({ name, to }, host, signal) => contentsOf(to === 'compare' ? copyOf(name) : name, host, signal),
  setDown,
};

/** Nothing of ours, or of a tenant's, can have such a name. */
function copyOf(name: string): string {
  return `${name}${copyEnd}`;
}

/** Who fills a copy. As a group it is in no list of logins. */
function fillerOf(name: string): string {
  return `${name}:filler`;
}

async function closed(
  { name, owner }: Holding,
  host: ServerHost,
  signal: AbortSignal,
): Promise<DatabaseSettings | undefined> {
  const found = await change(host, signal, async (ask) => await lookAtDatabase(ask, name));
  const settings = found?.mark?.settings;
  return found?.owner === owner && settings?.access === 'Closed' ? settings : undefined;
}

async function dumped(claimant: Claimant, host: ServerHost, signal: AbortSignal): Promise<Dumped | undefined> {
  const found = await change(host, signal, async (ask) => await lookAtDatabase(ask, claimant.name));
  if (found === undefined) throw dumpIsLeft('postgresql', host, claimant.name);
  refuseForeign(found, claimant);
  const settings = found.mark?.settings;
  return settings?.access === 'Dumped' ? { settings, owner: found.owner ?? '' } : undefined;
}

async function prepare(
  { name, settings }: Copy,
  { host, way }: { readonly host: ServerHost; readonly way: ServerWay },
  signal: AbortSignal,
): Promise<DatabaseProgram> {
  const [copy, filler] = [copyOf(name), fillerOf(name)];
  const password = randomBytes(24).toString('base64url');
  const verifier = await scramVerifier(password);
  await change(host, signal, async (ask) => {
    await dropCopy(ask, name, { host, signal });
    await ask(together(putGroups(copy, await lookAtGroups(ask, [copy]))));
    await ask(createDatabase(copy, settings));
    await inside({ host, database: copy, signal }, ask, async (askInside) => {
      await prepareInside(askInside, host, signal);
      await askInside(together([...addExtensions(settings.extensions), sql`SELECT wcp360.reopen()`]));
    });
    await ask(together([sql`BEGIN`, ...unlogged]));
    await ask(together([...letFill(copy, filler, verifier), sql`COMMIT`]));
  });
  const place = { way, programs: await programsFor(host, signal) };
  return postgresqlProgram(place, { database: copy, username: filler, password }, 'restore');
}

/** What it makes is the owners', whose rights it has and nobody's beside. */
function letFill(copy: string, filler: string, verifier: string): readonly Sql[] {
  const [database, role, owners] = [quoted(copy), quoted(filler), quoted(groupOf(copy, 'Owner'))];
  return [
    sql`CREATE ROLE ${role} LOGIN NOINHERIT CONNECTION LIMIT 1 PASSWORD ${literal(verifier)}`,
    sql`GRANT ${owners} TO ${role}`,
    sql`ALTER ROLE ${role} IN DATABASE ${database} SET role = ${literal(groupOf(copy, 'Owner'))}`,
    sql`REVOKE ALL ON DATABASE ${database} FROM PUBLIC`,
    sql`GRANT CONNECT ON DATABASE ${database} TO ${role}`,
    sql`GRANT CREATE, TEMPORARY ON DATABASE ${database} TO ${owners}`,
    sql`ALTER DATABASE ${database} CONNECTION LIMIT -1`,
  ];
}

async function dropCopy(ask: Ask, name: string, place: Place): Promise<void> {
  await takeAway(ask, copyOf(name), place);
  await dropFiller(ask, name, place);
}

async function dropFiller(ask: Ask, name: string, place: Place): Promise<void> {
  const filler = fillerOf(name);
  await endFillers(ask, name);
  await letGo(ask, [filler], place);
  await ask(sql`DROP ROLE IF EXISTS ${quoted(filler)}`);
}

async function endFillers(ask: Ask, name: string): Promise<void> {
  await endSessions(ask, sql`usename = ${literal(fillerOf(name))}`);
}

/** All at once: under its name it is whole. */
async function adopt(name: string, host: ServerHost, signal: AbortSignal): Promise<void> {
  await change(host, signal, async (ask) => {
    const copy = copyOf(name);
    await ask(sql`REVOKE ALL ON DATABASE ${quoted(copy)} FROM ${quoted(fillerOf(name))}`);
    await dropFiller(ask, name, { host, signal });
    await endSessions(ask, sql`datname = ${literal(copy)}`);
    // Of one that became a file, something may be left.
    await takeAway(ask, name, { host, signal });
    await ask(
      together([
        sql`ALTER DATABASE ${quoted(copy)} RENAME TO ${quoted(name)}`,
        ...groupsOf(name).map(
          (group, at) => sql`ALTER ROLE ${quoted(groupsOf(copy)[at] ?? '')} RENAME TO ${quoted(group)}`,
        ),
        sql`UPDATE wcp360.marks SET mark = NULL WHERE kind = 'database' AND name = ${literal(name)}`,
      ]),
    );
  });
}

async function setDown(
  { name, owner, settings }: Holding & { readonly settings: DatabaseSettings },
  host: ServerHost,
  signal: AbortSignal,
): Promise<boolean> {
  return await change(host, signal, async (ask) => {
    const mark = literal(JSON.stringify(markDatabase({ ...settings, access: 'Dumped' })));
    // A database that is put under the name later is another one.
    const [row] = await ask(sql`UPDATE wcp360.marks SET mark = ${mark}, database = NULL
      WHERE kind = 'database' AND name = ${literal(name)} AND owner = ${literal(owner)}
        AND mark->'settings'->>'access' IN ('Closed', 'Dumped') RETURNING name`);
    if (row !== undefined) await takeAway(ask, name, { host, signal });
    return row !== undefined;
  });
}
