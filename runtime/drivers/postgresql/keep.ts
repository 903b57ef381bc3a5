import type { DatabasesWorld } from '#runtime/drivers/databases/create-driver.ts';
import { change } from './administration.ts';
import { postgresqlArchiving } from './archive.ts';
import { giveBack } from './close-others.ts';
import { dropDatabase } from './drop.ts';
import { lookAtDatabase } from './look.ts';
import { putDatabase } from './put-database.ts';
import { literal, sql } from './sql.ts';
import { isUnfinished } from './take-over.ts';

interface Kept {
  readonly name: string;
  readonly owner: string;
  /** Whose it is from then on. */
  readonly heir: string;
}

/** Closes a database as it is, then hands it over. What was not taken over in whole is given back to whoever had it. Nothing when it is somebody else's by now; of one that is not there nothing is left either. */
export async function keepDatabase(
  { name, owner, heir }: Kept,
  world: DatabasesWorld,
  signal: AbortSignal,
): Promise<void> {
  const { host } = world;
  const found = await change(host, signal, async (ask) => {
    const seen = await lookAtDatabase(ask, name);
    if (seen?.owner !== owner || !(await isUnfinished(seen, { host, ask, signal }))) return seen;
    await giveBack(ask, name);
    return undefined;
  });
  if (found?.owner !== owner) return;
  // What is a file is closed already; of what it was, something may be left.
  const marked = found.mark?.settings;
  if (marked?.access === 'Dumped')
    return void (await postgresqlArchiving.setDown({ name, owner, settings: marked }, world.host, signal));
  if (found.facts === null) return await dropDatabase({ name, owner }, world, signal);
  const { encoding, collation, extensions } = found.facts;
  const settings = { encoding, collation, extensions: extensions?.split(',') ?? [], access: 'Closed' } as const;
  await putDatabase({ name, owner, settings }, world, signal);
  await change(world.host, signal, async (ask) => {
    await ask(sql`UPDATE wcp360.marks SET owner = ${literal(heir)}
      WHERE kind = 'database' AND name = ${literal(name)} AND owner = ${literal(owner)}`);
  });
}
