import { formatDuration } from '#schemas/meta/duration.ts';
import { ownerId, type Conflict, type Driver } from '#runtime/drivers/driver.ts';
import { required } from '#runtime/base/errors.ts';
import { within } from '#runtime/base/within.ts';
import type { SecretReader } from '#runtime/drivers/secret-reader.ts';
import { archive, dumpOf, lostDumpsOf, unarchive, type Archiving, type Holding } from './archive.ts';
import type { Intake } from './dump.ts';
import type { DatabaseJobs } from './jobs.ts';
import {
  noDatabases,
  serverOfDriver,
  type Claimant,
  type DatabaseAction,
  type DatabaseState,
  type ServerAction,
} from './model.ts';
import { dumpFileOf, type ServerHost } from './server-host.ts';
import { changedOwners, goRounds, type Patrol } from './patrol.ts';
import { servedOwners, withoutObject } from './orphaned.ts';
import { planDatabases } from './plan.ts';
import type { MeasuredDatabase } from './sizes.ts';
import { advanceDatabases, databasesOf, type DatabasesSnapshot, type Shelf } from './snapshot.ts';

/** What a driver of databases acts on: one server. */
export interface DatabasesWorld {
  readonly host: ServerHost;
  /** Where passwords are. */
  readonly secrets: SecretReader;
  /** Where what takes its time is done. Absent: nothing becomes a file here, or is made from one. */
  readonly jobs?: DatabaseJobs;
  /** What they need beside it. */
  readonly intake?: Intake;
  /** Absent: what somebody changes, and how large databases become, is found when somebody asks. */
  readonly patrol?: Patrol;
  /** Whether this host looks after somebody (`ownerId`): a server may have the logins of others too, of whose dumps only their hosts know. Absent: after everybody. */
  readonly isServedHere?: (owner: string) => boolean;
}

/** What an engine does in its own way. */
export interface DatabaseEngine<Name extends string> {
  readonly name: Name;
  /** In a number of statements that does not grow with what is there; empty where this host has no such server. HostError when it does not answer. */
  observe(world: DatabasesWorld, signal: AbortSignal): Promise<DatabasesSnapshot>;
  /** RefusedError for what the server will never take; HostError for all else. */
  apply(action: ServerAction<Name>, world: DatabasesWorld, signal: AbortSignal): Promise<void>;
  readonly archiving: Archiving;
  /** The databases of ours, by one statement for all of them; none where this host has no such server. HostError when it does not answer. */
  measure(world: DatabasesWorld, signal: AbortSignal): Promise<readonly MeasuredDatabase[]>;
  /** Puts out the sessions whose statement takes longer than its login may, whatever they set for themselves; found by one statement. Only of those that this host looks after. How many there were. */
  endOverlong(world: DatabasesWorld, signal: AbortSignal): Promise<number>;
}

/** The driver of an engine, and what it is asked beside. */
export interface DatabasesDriver<Name extends string>
  extends
    Driver<Name, DatabasesSnapshot, DatabaseState, DatabaseAction<Name>, DatabasesWorld>,
    Pick<DatabaseEngine<Name>, 'measure' | 'endOverlong'> {
  /**
   * All that a database holds, as SQL of one moment, by its real name: whoever made what in it, and whatever its tenants may see or do meanwhile. The one way to dump:
   * what it gives `wcpctl db restore` takes, too. It comes as it is read; rejects with HostError when that was not the whole.
   */
  dump(name: string, world: Pick<DatabasesWorld, 'host'>, signal: AbortSignal): AsyncIterable<Buffer>;
}

/** Whoever looks at all servers of an engine is not to wait without end for one that stands still. */
const usualLongestLookMs = 60_000;

/** The driver of an engine: what differs between engines is how they are told, not what is wanted of them. */
export function createDatabasesDriver<Name extends string>(
  engine: DatabaseEngine<Name>,
  { longestLookMs = usualLongestLookMs } = {},
): DatabasesDriver<Name> {
  const { name: driver, apply, measure, endOverlong, archiving } = engine;
  const observe = observing(engine, longestLookMs);
  return {
    name: driver,
    nothing: noDatabases,
    normalize: (desired) => desired,
    observe,
    advance: advanceDatabases,
    of: (owner, snapshot) => databasesOf(snapshot, ownerId(owner)),
    owners: servedOwners,
    orphaned: withoutObject,
    isAsLeft,
    plan: (owner, desired, observed) => planDatabases(driver, owner, { desired, observed }),
    conflict,
    waitsFor: (_owner, _desired, { jobs, othersJobs }) =>
      [...(jobs?.values() ?? []), ...(othersJobs?.values() ?? [])][0]?.message,
    apply: async (action, world, signal) => {
      await world.host.start?.(signal);
      const place = serverOfDriver(driver, world.host.server);
      try {
        if (isForKeeper(action)) return await applyBesideNoJob(engine, action, { world, signal });
        const rest = await doByJob(engine, action, { world, signal });
        if (rest === undefined) return;
        await apply(rest, world, signal);
        // What comes from a file is not empty.
        if (rest.op === 'create-database') world.patrol?.sizes.noteMade(place, rest.input.name);
      } finally {
        world.patrol?.acted(place).add(action.input.owner);
      }
    },
    watchDrift: async (world, onDrift, signal) => await watch({ ...engine, observe }, { world, onDrift, signal }),
    measure,
    endOverlong,
    dump: (name, { host }, signal) => dumpOf(archiving, name, host, signal),
  };
}

/** What is on a server, and under way here; HostError when that takes longer. */
function observing<Name extends string>(
  { name: driver, observe }: Pick<DatabaseEngine<Name>, 'name' | 'observe'>,
  longestMs: number,
): (world: DatabasesWorld, signal: AbortSignal) => Promise<DatabasesSnapshot> {
  const words = `the database server did not answer within ${formatDuration(longestMs)}`;
  return async (world, signal) => {
    const { jobs } = world;
    const found = await within({ longestMs, words }, signal, async (bounded) => await observe(world, bounded));
    const place = serverOfDriver(driver, world.host.server);
    if (jobs === undefined) return found;
    return {
      ...found,
      lostDumps: await lostDumpsOf(driver, found, world.host, signal),
      jobsOf: (owner) => jobs.of(place, owner),
      othersJobs: (owner, names) => jobs.ofOthers(place, owner, names),
    };
  };
}

/** Before these, what was begun and not ended is to be gone. */
const leavingNoCopy: ReadonlySet<string> = new Set(['create-database', 'end-job']);
/** While a job works with a database nothing else does. */
const endingJobs: ReadonlySet<string> = new Set([...leavingNoCopy, 'put-database']);

type KeepersAction<Name extends string> = ServerAction<Name> & { readonly op: 'keep-database' | 'drop-database' };

function isForKeeper<Name extends string>(action: DatabaseAction<Name>): action is KeepersAction<Name> {
  return action.op === 'keep-database' || action.op === 'drop-database';
}

/** Who keeps a database may have planned that before its heir began to make it from its file. What cannot be made is dropped all the same. */
async function applyBesideNoJob<Name extends string>(
  engine: DatabaseEngine<Name>,
  action: KeepersAction<Name>,
  { world, signal }: Acting,
): Promise<void> {
  const { name, owner } = action.input;
  const isDropped = action.op === 'drop-database';
  const work = async (): Promise<void> => {
    if (isDropped) await discardCopy(engine, name, { world, signal }, world.host.isRemote);
    await engine.apply(action, world, signal);
  };
  const driver = serverOfDriver(engine.name, world.host.server);
  await (world.jobs?.hold({ driver, name, owner }, isDropped, work) ?? work());
}

/** What is left of an action once jobs have done their part. */
async function doByJob<Name extends string>(
  engine: DatabaseEngine<Name>,
  action: DatabaseAction<Name>,
  { world, signal }: Acting,
): Promise<ServerAction<Name> | undefined> {
  if (action.op === 'dump-database') {
    beginDump(engine, action.input, world);
    return undefined;
  }
  if (endingJobs.has(action.op))
    await world.jobs?.end(serverOfDriver(engine.name, world.host.server), action.input.name);
  if (leavingNoCopy.has(action.op)) await discardCopy(engine, action.input.name, { world, signal });
  if (action.op === 'end-job') return undefined;
  if (action.op !== 'create-database') return action;
  return (await beginRestore(engine, action.input, { world, signal })) ? undefined : action;
}

interface Acting {
  readonly world: DatabasesWorld;
  readonly signal: AbortSignal;
}

/** A job that was ended, or died, leaves one nowhere but beside its file, which is gone with the machine where the server is on another one: `evenAlone`. */
async function discardCopy<Name extends string>(
  { name: driver, archiving }: DatabaseEngine<Name>,
  name: string,
  { world: { host }, signal }: Acting,
  evenAlone = false,
): Promise<void> {
  if (evenAlone || (await host.machine?.facts(dumpFileOf(driver, host, name), signal)) !== undefined)
    await archiving.discard(name, host, signal);
}

function beginDump<Name extends string>(
  { name: driver, archiving }: DatabaseEngine<Name>,
  { name, owner }: Holding,
  { host, jobs, intake }: DatabasesWorld,
): void {
  required(jobs, 'a place for jobs').start({
    ...{ driver: serverOfDriver(driver, host.server), host, name, owner },
    work: async (tell, over) => {
      const work = { driver, host, intake: required(intake, 'an intake'), tell, signal: over };
      await archive(archiving, { name, owner }, work);
      return [];
    },
  });
}

/** Whether a database is made from a file: as what it was, and of whoever claims it. Its settings come after. */
async function beginRestore<Name extends string>(
  { name: driver, archiving, apply }: DatabaseEngine<Name>,
  claimant: Claimant,
  { world, signal }: Acting,
): Promise<boolean> {
  const { host, jobs, intake } = world;
  const { name, owner } = claimant;
  if ((await host.machine?.facts(dumpFileOf(driver, host, name), signal)) === undefined) return false;
  const found = await archiving.dumped(claimant, host, signal);
  if (found === undefined) return false;
  const settings = { ...found.settings, access: 'Closed' } as const;
  const put = { driver, op: 'put-database', subject: '', reason: '', disruption: 'none', changes: [] } as const;
  required(jobs, 'a place for jobs').start({
    ...{ driver: serverOfDriver(driver, host.server), host, name, owner },
    work: async (tell, over) => {
      const own = { driver, host, intake: required(intake, 'an intake'), tell, signal: over };
      if ((await archiving.dumped(claimant, host, over)) !== undefined)
        await unarchive(archiving, { name, owner, settings }, own);
      await apply({ ...put, input: { ...claimant, settings } } as unknown as ServerAction<Name>, world, over);
      return [found.owner];
    },
  });
  return true;
}

/** Tells whose things have another size, or may not be as they were left: all, at the first look. */
async function watch<Name extends string>(
  { name, observe, measure, endOverlong }: DatabaseEngine<Name>,
  { world, onDrift, signal }: Watching,
): Promise<void> {
  const { patrol, jobs } = world;
  const place = serverOfDriver(name, world.host.server);
  const leave = jobs?.follow(place, onDrift);
  if (patrol === undefined) return signal.addEventListener('abort', () => leave?.());
  let before: DatabasesSnapshot | undefined;
  const look = async (): Promise<void> => {
    await endOverlong(world, signal);
    const resized = patrol.sizes.note(place, await measure(world, signal));
    // What we did since the last look hides what others undid of it.
    const acted = patrol.acted(place);
    const ours = [...acted];
    acted.clear();
    const after = await observe(world, signal);
    if (before === undefined) jobs?.wake(place);
    const changed = before === undefined ? undefined : changedOwners(before, after);
    before = after;
    const owners = changed === undefined ? undefined : [...new Set([...resized, ...ours, ...changed])];
    if (owners?.length !== 0) onDrift(owners);
  };
  try {
    await goRounds(patrol, look, signal);
  } finally {
    leave?.();
  }
}

interface Watching {
  readonly world: DatabasesWorld;
  readonly onDrift: (owners: readonly string[] | undefined) => void;
  readonly signal: AbortSignal;
}

/** Where nothing is, somebody may have taken it away. */
function isAsLeft({ databases, logins }: DatabaseState): boolean | undefined {
  const found = [...databases.values(), ...logins.values()];
  return found.length === 0 ? undefined : !found.includes(undefined);
}

/** What others have under a name that is wanted. */
function conflict(desired: DatabaseState, { databases, logins }: DatabasesSnapshot): Conflict | undefined {
  const inTheWay = desired.adopts === true ? [] : takenOf(desired.databases, databases);
  const taken = [...inTheWay, ...takenOf(desired.logins, logins)][0];
  if (taken === undefined) return undefined;
  return { reason: 'NameTaken', message: `The database server has ${taken} already, and it is not ours.` };
}

function takenOf(desired: ReadonlyMap<string, unknown>, { found }: Pick<Shelf<unknown>, 'found'>): readonly string[] {
  return [...desired.keys()].filter((name) => found.has(name) && found.get(name)?.owner === undefined);
}
