import { ownerId, type Conflict, type Driver } from '#runtime/drivers/driver.ts';
import type { SecretReader } from '#runtime/drivers/secret-reader.ts';
import type { Host } from '#runtime/host/host.ts';
import { noDatabases, type DatabaseAction, type DatabaseState } from './model.ts';
import { changedOwners, goRounds, type Patrol } from './patrol.ts';
import { planDatabases } from './plan.ts';
import type { MeasuredDatabase } from './sizes.ts';
import { advanceDatabases, databasesOf, type DatabasesSnapshot, type Shelf } from './snapshot.ts';

/** What the drivers of databases act on. */
export interface DatabasesWorld {
  readonly host: Host;
  /** Where passwords are. */
  readonly secrets: SecretReader;
  /** Starts the server that a driver of this name speaks to, unless it runs. Absent: it runs. */
  readonly startServer?: (driver: string, signal: AbortSignal) => Promise<void>;
  /** Absent: what somebody changes, and how large databases become, is found when somebody asks. */
  readonly patrol?: Patrol;
}

/** What an engine does in its own way. */
export interface DatabaseEngine<Name extends string> {
  readonly name: Name;
  /** In a number of statements that does not grow with what is there; empty where this host has no such server. HostError when it does not answer. */
  observe(world: DatabasesWorld, signal: AbortSignal): Promise<DatabasesSnapshot>;
  /** RefusedError for what the server will never take; HostError for all else. */
  apply(action: DatabaseAction<Name>, world: DatabasesWorld, signal: AbortSignal): Promise<void>;
  /** The databases of ours, by one statement for all of them; none where this host has no such server. HostError when it does not answer. */
  measure(world: DatabasesWorld, signal: AbortSignal): Promise<readonly MeasuredDatabase[]>;
  /** Puts out the sessions whose statement takes longer than its login may, whatever they set for themselves; found by one statement. How many there were. */
  endOverlong(world: DatabasesWorld, signal: AbortSignal): Promise<number>;
}

/** The driver of an engine, and what it is asked beside. */
export interface DatabasesDriver<Name extends string>
  extends
    Driver<Name, DatabasesSnapshot, DatabaseState, DatabaseAction<Name>, DatabasesWorld>,
    Pick<DatabaseEngine<Name>, 'measure' | 'endOverlong'> {}

/** The driver of an engine: what differs between engines is how they are told, not what is wanted of them. */
export function createDatabasesDriver<Name extends string>(engine: DatabaseEngine<Name>): DatabasesDriver<Name> {
  const { name: driver, observe, apply, measure, endOverlong } = engine;
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
      try {
        await apply(action, world, signal);
      } finally {
        world.patrol?.acted(driver).add(action.input.owner);
      }
    },
    settle: async () => undefined,
    watchDrift: async (world, onDrift, signal) => await watch(engine, { world, onDrift, signal }),
    measure,
    endOverlong,
  };
}

/** Tells whose things have another size, or may not be as they were left: all, at the first look. */
async function watch<Name extends string>(
  { name, observe, measure, endOverlong }: DatabaseEngine<Name>,
  { world, onDrift, signal }: Watching,
): Promise<void> {
  const { patrol } = world;
  if (patrol === undefined) return;
  let before: DatabasesSnapshot | undefined;
  const look = async (): Promise<void> => {
    await endOverlong(world, signal);
    const resized = patrol.sizes.note(name, await measure(world, signal));
    // What we did since the last look hides what others undid of it.
    const acted = patrol.acted(name);
    const ours = [...acted];
    acted.clear();
    const after = await observe(world, signal);
    const changed = before === undefined ? undefined : changedOwners(before, after);
    before = after;
    const owners = changed === undefined ? undefined : [...new Set([...resized, ...ours, ...changed])];
    if (owners?.length !== 0) onDrift(owners);
  };
  await goRounds(patrol, look, signal);
}

interface Watching {
  readonly world: DatabasesWorld;
  readonly onDrift: (owners: readonly string[] | undefined) => void;
  readonly signal: AbortSignal;
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
