import { HostError, RefusedError } from '#runtime/base/errors.ts';
import type { DatabasesWorld } from '#runtime/drivers/databases/create-driver.ts';
import type { LoginSettings } from '#runtime/drivers/databases/model.ts';
import { readPassword } from '#runtime/drivers/databases/read-password.ts';
import { change } from './administration.ts';
import { admittedGroups, networksOf } from './admissions.ts';
import { forgetNetworks } from './forget-networks.ts';
import { actingGroupOf, groupsFor } from './groups.ts';
import { comesFromNetworks, factsOf, lookAtGroups, lookAtLogin, type SeenLogin } from './look.ts';
import { loginParameters, markLogin } from './mark.ts';
import { refuseForeign } from './refuse-foreign.ts';
import type { Ask } from './session.ts';
import { endSessions } from './sessions.ts';
import { list, literal, name as quoted, shipped, sql, together, type Sql } from './sql.ts';
import { digestOf, scramVerifier } from './verifier.ts';

interface Wanted {
  readonly name: string;
  readonly owner: string;
  readonly settings: LoginSettings;
}

/** Makes a login, or brings it to its settings. It is put out of where it was let in otherwise than now. */
export async function putLogin(wanted: Wanted, { host, secrets }: DatabasesWorld, signal: AbortSignal): Promise<void> {
  const { name, settings } = wanted;
  if (settings.otherPassword !== undefined)
    throw new RefusedError(
      'OnePassword',
      'A login of PostgreSQL has one password: a second one is that of another login.',
    );
  const networks = networksOf(settings, host);
  const verifier = await scramVerifier(await readPassword(settings.password, secrets, signal));
  await change(host, signal, async (ask) => {
    const found = await lookAtLogin(ask, name);
    refuseForeign(found, wanted);
    await checkDatabases(ask, settings);
    const admittedBy = await admittedGroups(networks, host, ask, signal);
    // A verifier lets nobody in, but it lets guess: it is in no log either.
    await ask(together([sql`BEGIN`, ...unlogged]));
    await ask(together([...put(wanted, found, { verifier, admittedBy }), sql`COMMIT`]));
    await endSessions(ask, strayed(wanted, found, host.admit === undefined ? undefined : networks));
    const mark = literal(JSON.stringify(markLogin(settings, digestOf(verifier), admittedBy)));
    await ask(sql`UPDATE wcp360.marks SET mark = ${mark} WHERE kind = 'login' AND name = ${literal(name)}`);
    if (admittedBy.length > 0 || comesFromNetworks(found)) await forgetNetworks(ask, { host, signal });
  });
}

/** Until the end of a transaction. */
export const unlogged: readonly Sql[] = [
  sql`SET LOCAL log_statement = 'none'`,
  sql`SET LOCAL log_min_duration_statement = -1`,
  sql`SET LOCAL log_min_duration_sample = -1`,
  sql`SET LOCAL log_transaction_sample_rate = 0`,
  sql`SET LOCAL log_min_error_statement = 'panic'`,
];

/** What comes by itself is waited for. */
async function checkDatabases(ask: Ask, { grants }: LoginSettings): Promise<void> {
  const present = await lookAtGroups(ask, Object.keys(grants));
  const missing = Object.entries(grants).find(
    ([database, grant]) => !groupsFor(database, grant).every((group) => present.has(group)),
  );
  if (missing !== undefined)
    throw new HostError(`PostgreSQL has no database ${missing[0]} yet that a login could be let into`);
}

/** By what it is let in. */
interface Admission {
  readonly verifier: string;
  /** Roles whose members may come from its networks. */
  readonly admittedBy: readonly string[];
}

function put(
  { name, owner, settings }: Wanted,
  found: SeenLogin | undefined,
  { verifier, admittedBy }: Admission,
): readonly Sql[] {
  const role = quoted(name);
  const own = Object.entries(settings.grants).flatMap(([database, grant]) => groupsFor(database, grant));
  const groups = [...own, ...admittedBy];
  const login = shipped(settings.isLocked ? 'NOLOGIN' : 'LOGIN');
  return [
    ...(factsOf(found) === undefined ? [sql`CREATE ROLE ${role}`] : []),
    sql`ALTER ROLE ${role} NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS INHERIT ${login} CONNECTION LIMIT ${settings.connections} PASSWORD ${literal(verifier)} VALID UNTIL 'infinity'`,
    ...memberships(name, groups, found),
    ...parameters(name, settings, found),
    sql`INSERT INTO wcp360.marks (kind, name, owner) VALUES ('login', ${literal(name)}, ${literal(owner)})
      ON CONFLICT (kind, name) DO UPDATE SET mark = NULL`,
  ];
}

function memberships(name: string, groups: readonly string[], found: SeenLogin | undefined): readonly Sql[] {
  const present = (factsOf(found)?.groups ?? []).map((group) => quoted(group.replace(/\*$/, '')));
  const wanted = groups.map(quoted);
  const members = (factsOf(found)?.members ?? []).map(quoted);
  const role = quoted(name);
  return [
    ...(present.length === 0 ? [] : [sql`REVOKE ${list(present)} FROM ${role} CASCADE`]),
    ...(members.length === 0 ? [] : [sql`REVOKE ${role} FROM ${list(members)} CASCADE`]),
    ...(wanted.length === 0 ? [] : [sql`GRANT ${list(wanted)} TO ${role}`]),
  ];
}

/** In each of its databases it acts as the group, so that what it makes is the group's; who has single rights makes nothing. */
function parameters(name: string, { grants, limits }: LoginSettings, found: SeenLogin | undefined): readonly Sql[] {
  const role = quoted(name);
  const places = (factsOf(found)?.parameters ?? []).map((line) => line.slice(0, line.indexOf(':')));
  return [
    sql`ALTER ROLE ${role} RESET ALL`,
    ...[...new Set(places)]
      .filter((database) => database !== '')
      .map((database) => sql`ALTER ROLE ${role} IN DATABASE ${quoted(database)} RESET ALL`),
    ...Object.entries(loginParameters(limits)).map(
      ([parameter, value]) => sql`ALTER ROLE ${role} SET ${quoted(parameter)} = ${literal(value)}`,
    ),
    ...Object.entries(grants).flatMap(([database, grant]) => {
      const group = actingGroupOf(database, grant);
      return group === undefined
        ? []
        : [sql`ALTER ROLE ${role} IN DATABASE ${quoted(database)} SET role = ${literal(group)}`];
    }),
  ];
}

/** Sessions keep the group that they once took, and stay wherever they came from. */
function strayed(
  { name, settings }: Wanted,
  found: SeenLogin | undefined,
  /** Absent: from where it came is not ours to say. */
  networks: readonly string[] | undefined,
): Sql {
  const own = sql`usename = ${literal(name)}`;
  const groups = factsOf(found)?.groups ?? [];
  const staying = Object.entries(settings.grants)
    .filter(([database, grant]) => groupsFor(database, grant).every((group) => groups.includes(group)))
    .map(([database]) => literal(database));
  if (settings.isLocked || staying.length === 0) return own;
  const outside = networks === undefined ? sql`` : sql` OR (client_addr IS NOT NULL${outsideAll(networks)})`;
  return sql`${own} AND (datname NOT IN (${list(staying)})${outside})`;
}

function outsideAll(networks: readonly string[]): Sql {
  return networks.reduce<Sql>((before, network) => sql`${before} AND NOT client_addr <<= ${literal(network)}`, sql``);
}
