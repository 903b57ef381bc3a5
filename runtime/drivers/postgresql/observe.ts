import type { DatabasesWorld } from '#runtime/drivers/databases/create-driver.ts';
import {
  emptyDatabases,
  putFound,
  type DatabasesSnapshot,
  type Found,
  type Shelf,
} from '#runtime/drivers/databases/snapshot.ts';
import { isEqual } from '#runtime/base/json.ts';
import { administer } from './administration.ts';
import { lookAtDatabases, lookAtLogins, type Seen, type SeenDatabase } from './look.ts';
import { markedDatabase, markedLogin, type DatabaseMark } from './mark.ts';

/** All databases and logins, by two statements; empty where there is no server. Settings count as long as the server has what was put for them. */
export async function observeDatabases({ host }: DatabasesWorld, signal: AbortSignal): Promise<DatabasesSnapshot> {
  const snapshot = emptyDatabases();
  if (!(await host.hasServer(signal))) return snapshot;
  await administer(host, signal, async (ask) => {
    note(snapshot.databases, await lookAtDatabases(ask), isAsMarked);
    note(
      snapshot.logins,
      await lookAtLogins(ask),
      ({ facts }, mark) => facts !== null && isEqual(facts, markedLogin(mark)),
    );
  });
  return snapshot;
}

/** Of one that is a file by now the server has nothing. */
function isAsMarked({ name, facts }: SeenDatabase, mark: DatabaseMark): boolean {
  if (mark.settings.access === 'Dumped') return facts === null;
  return facts !== null && isEqual(facts, markedDatabase(name, mark));
}

function note<Settings, Facts, Mark extends { readonly settings: Settings }>(
  shelf: Shelf<Settings>,
  all: readonly Seen<Facts, Mark>[],
  isIntact: (seen: Seen<Facts, Mark>, mark: Mark) => boolean,
): void {
  for (const seen of all) {
    const { name, owner, mark } = seen;
    const settings = mark !== null && isIntact(seen, mark) ? mark.settings : undefined;
    const found: Found<Settings> = { owner: owner ?? undefined, settings };
    putFound(shelf, name, found);
  }
}
