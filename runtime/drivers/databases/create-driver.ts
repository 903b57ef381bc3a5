import { ownerId, type Conflict, type Driver } from '#runtime/drivers/driver.ts';
import type { SecretReader } from '#runtime/drivers/secret-reader.ts';
import type { Host } from '#runtime/host/host.ts';
import { noDatabases, type DatabaseAction, type DatabaseState } from './model.ts';
import { planDatabases } from './plan.ts';
import { advanceDatabases, databasesOf, type DatabasesSnapshot, type Shelf } from './snapshot.ts';

/** What the drivers of databases act on. */
export interface DatabasesWorld {
  readonly host: Host;
  /** Where passwords are. */
  readonly secrets: SecretReader;
  /** Starts the server that a driver of this name speaks to, unless it runs. Absent: it runs. */
  readonly startServer?: (driver: string, signal: AbortSignal) => Promise<void>;
}

/** What an engine does in its own way. */
export interface DatabaseEngine<Name extends string> {
  readonly name: Name;
  /** In a number of statements that does not grow with what is there; empty where this host has no such server. HostError when it does not answer. */
  observe(world: DatabasesWorld, signal: AbortSignal): Promise<DatabasesSnapshot>;
  /** RefusedError for what the server will never take; HostError for all else. */
  apply(action: DatabaseAction<Name>, world: DatabasesWorld, signal: AbortSignal): Promise<void>;
}

/** The driver of an engine: what differs between engines is how they are told, not what is wanted of them. */
export function createDatabasesDriver<Name extends string>({
  name: driver,
  observe,
  apply,
}: DatabaseEngine<Name>): Driver<Name, DatabasesSnapshot, DatabaseState, DatabaseAction<Name>, DatabasesWorld> {
  return {
    name: driver,
    nothing: noDatabases,
    normalize: (desired) => desired,
    observe,
    advance: advanceDatabases,
    of: (owner, snapshot) => databasesOf(snapshot, ownerId(owner)),
    plan: (owner, desired, observed) => planDatabases(driver, owner, { desired, observed }),
    conflict,
    apply: async (action, world, signal) => {
      await world.startServer?.(driver, signal);
      await apply(action, world, signal);
    },
    settle: async () => undefined,
  };
}

/** What others have under a name that is wanted. */
function conflict(desired: DatabaseState, { databases, logins }: DatabasesSnapshot): Conflict | undefined {
  const taken = [...takenOf(desired.databases, databases), ...takenOf(desired.logins, logins)][0];
  if (taken === undefined) return undefined;
  return { reason: 'NameTaken', message: `The database server has ${taken} already, and it is not ours.` };
}

function takenOf(desired: ReadonlyMap<string, unknown>, { found }: Shelf<unknown>): readonly string[] {
  return [...desired.keys()].filter((name) => found.has(name) && found.get(name)?.owner === undefined);
}
