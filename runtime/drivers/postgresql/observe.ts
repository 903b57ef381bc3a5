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
import { lookAtDatabases, lookAtLogins, type Seen } from './look.ts';
import { markedDatabase, markedLogin } from './mark.ts';
import { hasServer } from './start-postgresql.ts';

/** All databases and logins, by two statements; empty where there is no server. Settings count as long as the server has what was put for them. */
export async function observeDatabases({ host }: DatabasesWorld, signal: AbortSignal): Promise<DatabasesSnapshot> {
  const snapshot = emptyDatabases();
  if (!(await hasServer(host, signal))) return snapshot;
  await administer(host, signal, async (ask) => {
    note(snapshot.databases, await lookAtDatabases(ask), (name, mark) => markedDatabase(name, mark));
    note(snapshot.logins, await lookAtLogins(ask), (_name, mark) => markedLogin(mark));
  });
  return snapshot;
}

function note<Settings, Facts, Mark extends { readonly settings: Settings }>(
  shelf: Shelf<Settings>,
  all: readonly Seen<Facts, Mark>[],
  marked: (name: string, mark: Mark) => Facts | undefined,
): void {
  for (const { name, owner, mark, facts } of all) {
    const isIntact = mark !== null && facts !== null && isEqual(facts, marked(name, mark));
    const found: Found<Settings> = { owner: owner ?? undefined, settings: isIntact ? mark.settings : undefined };
    putFound(shelf, name, found);
  }
}
