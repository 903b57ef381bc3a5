import type { DatabasesWorld } from '#runtime/drivers/databases/create-driver.ts';
import { removeDump } from '#runtime/drivers/databases/server-host.ts';
import { change } from './administration.ts';
import { giveBack } from './close-others.ts';
import { forgetNetworks } from './forget-networks.ts';
import { groupsOf } from './groups.ts';
import { letGo, type Place } from './let-go.ts';
import { comesFromNetworks, lookAtDatabase, lookAtLogin } from './look.ts';
import type { Ask } from './session.ts';
import { endSessions } from './sessions.ts';
import { list, literal, name as quoted, sql, together, type Sql } from './sql.ts';
import { isUnfinished } from './take-over.ts';

interface Unwanted {
  readonly name: string;
  readonly owner: string;
}

/** Nothing when it is not there, or somebody else's by now; what was not taken over in whole is given back to whoever had it. */
export async function dropDatabase(
  { name, owner }: Unwanted,
  { host }: DatabasesWorld,
  signal: AbortSignal,
): Promise<void> {
  await change(host, signal, async (ask) => {
    const found = await lookAtDatabase(ask, name);
    if (found?.owner !== owner) return;
    if (await isUnfinished(found, { host, ask, signal })) return await giveBack(ask, name);
    await ask(sql`UPDATE wcp360.marks SET mark = NULL WHERE kind = 'database' AND name = ${literal(name)}`);
    await takeAway(ask, name, { host, signal });
    await removeDump(host, 'postgresql', name, signal);
    await ask(unmark('database', name));
  });
}

/** A database with its groups, in whatever state that is; for whoever may `change`. */
export async function takeAway(ask: Ask, name: string, place: Place): Promise<void> {
  const [found] = await ask(sql`SELECT FROM pg_database WHERE datname = ${literal(name)}`);
  if (found !== undefined) {
    await ask(sql`ALTER DATABASE ${quoted(name)} WITH CONNECTION LIMIT 0 IS_TEMPLATE false`);
    await ask(sql`DROP DATABASE ${quoted(name)} WITH (FORCE)`);
  }
  const groups = groupsOf(name);
  await letGo(ask, groups, place);
  await ask(sql`DROP ROLE IF EXISTS ${list(groups.map(quoted))}`);
}

/** As `dropDatabase`. What it made in databases stays there, with their owners. */
export async function dropLogin(
  { name, owner }: Unwanted,
  { host }: DatabasesWorld,
  signal: AbortSignal,
): Promise<void> {
  await change(host, signal, async (ask) => {
    const found = await lookAtLogin(ask, name);
    if (found?.owner !== owner) return;
    if (found.facts !== null) {
      await ask(sql`ALTER ROLE ${quoted(name)} NOLOGIN`);
      await endSessions(ask, sql`usename = ${literal(name)}`);
      await letGo(ask, [name], { host, signal });
    }
    await ask(together([sql`DROP ROLE IF EXISTS ${quoted(name)}`, unmark('login', name)]));
    if (comesFromNetworks(found)) await forgetNetworks(ask, { host, signal });
  });
}

function unmark(kind: 'database' | 'login', name: string): Sql {
  return sql`DELETE FROM wcp360.marks WHERE kind = ${literal(kind)} AND name = ${literal(name)}`;
}
