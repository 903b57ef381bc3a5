import { HostError, PostponedError, RefusedError } from '#runtime/base/errors.ts';
import { ownerId, type Driver, type Owner } from '#runtime/drivers/driver.ts';
import type { Action } from '#runtime/plan/plan.ts';
import type { DatabasesDriver, DatabasesWorld } from './create-driver.ts';
import {
  isServerOfDriver,
  noDatabases,
  serverOfDriver,
  stateOn,
  type DatabaseAction,
  type DatabaseState,
  type ServersState,
} from './model.ts';
import { withoutObject, withoutObjectAnywhere } from './orphaned.ts';
import type { ServerHost } from './server-host.ts';
import type { DatabasesSnapshot } from './snapshot.ts';
import { amongOthers, noteServed } from './shared-server.ts';
import { watchServers } from './watch-servers.ts';

/** What the driver of all servers of an engine acts on. */
export interface ServersWorld extends Omit<DatabasesWorld, 'host'> {
  /** Those that a driver of this name speaks to at this moment. */
  readonly databaseServers: (driver: string) => readonly ServerHost[];
}

/** By name; `undefined` for one that did not answer. */
type ServersSnapshot = ReadonlyMap<string, DatabasesSnapshot | undefined>;

/** Empty for the server that this host keeps for itself. */
interface OnServer {
  readonly server?: string;
}

type Placed<A> = A extends Action<infer Name, infer Op, infer Input> ? Action<Name, Op, Input & OnServer> : never;

/** Beside what is done on one server: looking whether one answers again of which nobody knows what it has. */
export type ServersAction<Name extends string> =
  Placed<DatabaseAction<Name>> | Action<Name, 'reach-server', { readonly owner: string } & OnServer>;

export type ServersDriver<Name extends string> = Driver<
  Name,
  ServersSnapshot,
  ServersState,
  ServersAction<Name>,
  ServersWorld
>;

/** The servers of one engine: the one that this host keeps for itself, and those that DatabaseServers tell of. One that does not answer is in nobody else's way. */
export function createServersDriver<Name extends string>(driver: DatabasesDriver<Name>): ServersDriver<Name> {
  return {
    name: driver.name,
    nothing: noDatabases,
    looks: ['reach-server'],
    normalize: (desired) => desired,
    observe: async (world, signal) => await observe(driver, world, signal),
    advance: (snapshot, done) => advance(driver, snapshot, done),
    of: (owner, snapshot) => found(driver, owner, snapshot),
    owners: (snapshot) => new Set([...snapshot.values()].flatMap((seen) => [...ownersIn(driver, seen)])),
    orphaned: withoutObjectAnywhere,
    plan: (owner, desired, observed) => plan(driver, owner, { desired, observed }),
    isAsLeft: (observed) => isAsLeft(driver, observed),
    conflict: (desired, snapshot) =>
      serversIn(desired)
        .map((server) => conflictOn(driver, stateOn(desired, server), snapshot.get(server)))
        .find((conflict) => conflict !== undefined),
    apply: async (action, world, signal) => await apply(driver, action, { world, signal }),
    waitsFor: (owner, desired, observed) =>
      serversIn(observed)
        .map((server) => driver.waitsFor?.(owner, stateOn(desired, server), stateOn(observed, server)))
        .find((what) => what !== undefined),
    watchDrift: async (world, onDrift, signal) => {
      const { patrol } = world;
      if (patrol === undefined) return;
      const roster = (): readonly ServerHost[] => world.databaseServers(driver.name);
      const watch = async (host: ServerHost, over: AbortSignal) =>
        await driver.watchDrift?.(worldOf(world, host), onDrift, over);
      // Of one that was declared otherwise, or is lost, nothing is known to who began it.
      const keepTo = async (present: ReadonlySet<object>): Promise<void> => {
        const owners = await world.jobs?.endAll(
          ({ driver: place, host }) => isServerOfDriver(driver.name, place) && !present.has(host),
        );
        if (owners !== undefined && owners.length > 0) onDrift(owners);
      };
      await watchServers({ roster, watch, keepTo, clock: patrol.clock }, signal);
    },
  };
}

/** What others say of a server that cannot be used at this moment. */
function isNoAnswer(err: unknown): boolean {
  return err instanceof HostError || err instanceof PostponedError || err instanceof RefusedError;
}

function worldOf(world: ServersWorld, host: ServerHost): DatabasesWorld {
  const { databaseServers: _, ...shared } = world;
  return { ...shared, host };
}

async function observe<Name extends string>(
  driver: DatabasesDriver<Name>,
  world: ServersWorld,
  signal: AbortSignal,
): Promise<ServersSnapshot> {
  const looks = world.databaseServers(driver.name).map(async (host) => {
    const seen = await driver.observe(worldOf(world, host), signal).catch((err: unknown) => {
      signal.throwIfAborted();
      if (!isNoAnswer(err)) throw err;
      return undefined;
    });
    return [host.server, seen === undefined ? undefined : amongOthers(seen, host, world.isServedHere)] as const;
  });
  return new Map(await Promise.all(looks));
}

function ownersIn<Name extends string>(
  { owners }: DatabasesDriver<Name>,
  seen: DatabasesSnapshot | undefined,
): Iterable<string> {
  return seen === undefined ? [] : (owners?.(seen) ?? []);
}

/** Of a server that did not answer, or that nobody has looked at yet. */
const unknown: DatabaseState = { ...noDatabases, isUnknown: true };

/** Names of the servers that a state is about. */
function serversIn({ elsewhere }: ServersState): readonly string[] {
  return ['', ...(elsewhere ?? new Map<string, DatabaseState>()).keys()];
}

/** On each of the servers, as far as it is known. */
function isAsLeft<Name extends string>(driver: DatabasesDriver<Name>, observed: ServersState): boolean | undefined {
  const told = serversIn(observed).map((server) => driver.isAsLeft?.(stateOn(observed, server)));
  if (told.includes(false)) return false;
  return told.includes(true) ? true : undefined;
}

function conflictOn<Name extends string>(
  { conflict }: DatabasesDriver<Name>,
  desired: DatabaseState,
  snapshot: DatabasesSnapshot | undefined,
) {
  return snapshot === undefined ? undefined : conflict?.(desired, snapshot);
}

function found<Name extends string>(
  driver: DatabasesDriver<Name>,
  owner: Owner,
  snapshot: ServersSnapshot,
): ServersState {
  const has = (seen: DatabasesSnapshot | undefined): DatabaseState =>
    seen === undefined ? unknown : driver.of(owner, seen);
  const elsewhere = [...snapshot]
    .filter(([server]) => server !== '')
    .map(([server, seen]) => [server, has(seen)] as const);
  const own = snapshot.has('') ? has(snapshot.get('')) : noDatabases;
  return elsewhere.length === 0 ? own : { ...own, elsewhere: new Map(elsewhere) };
}

interface States {
  readonly desired: ServersState;
  readonly observed: ServersState;
}

function plan<Name extends string>(
  driver: DatabasesDriver<Name>,
  owner: Owner,
  { desired, observed }: States,
): readonly ServersAction<Name>[] {
  const servers = [...new Set([...serversIn(desired), ...serversIn(observed)])].toSorted();
  return servers.flatMap((server): readonly ServersAction<Name>[] => {
    const from = server === '' || observed.elsewhere?.has(server) === true ? stateOn(observed, server) : unknown;
    if (!isMeant(desired, server) && isPlaced(desired)) return planForLeft(driver, owner, { server, from });
    if (from.isUnknown === true)
      return isConcerned(desired, server) ? [reach(driver.name, ownerId(owner), server)] : [];
    const actions = driver.plan(owner, stateOn(desired, server), from);
    const meant = actions.filter(({ op }) => isMeant(desired, server) || op === 'drop-login');
    return meant.map((action) => placed(action, server));
  });
}

/** Of somebody who has all that it is to have on another server. Where that may be the same one under another name, nothing is left over. */
function planForLeft<Name extends string>(
  driver: DatabasesDriver<Name>,
  owner: Owner,
  { server, from }: { readonly server: string; readonly from: DatabaseState },
): readonly ServersAction<Name>[] {
  if (from.isShared === true || from.isUnknown === true) return [];
  return driver.plan(owner, withoutObject(owner, from), from).map((action) => placed(action, server));
}

/** Whether it says what becomes of what is there. Two names may lead to one server: what is not meant there may be what it has by the other one. */
function isMeant(desired: ServersState, server: string): boolean {
  return server === '' || desired.elsewhere?.has(server) === true;
}

function isPlaced({ databases, logins, kept, elsewhere }: ServersState): boolean {
  return databases.size + logins.size + (kept?.size ?? 0) + (elsewhere?.size ?? 0) > 0;
}

/** Whether something is wanted, or may be left, there. */
function isConcerned(desired: ServersState, server: string): boolean {
  if (server !== '') return desired.elsewhere?.has(server) === true;
  if (desired.isStranger === true) return false;
  const isElsewhere = (desired.elsewhere?.size ?? 0) > 0;
  return !isElsewhere || desired.databases.size + desired.logins.size > 0;
}

function placed<Name extends string>(action: DatabaseAction<Name>, server: string): ServersAction<Name> {
  const { driver, subject, input } = action;
  if (server === '') return action as unknown as ServersAction<Name>;
  const at = { subject: subject.replace(driver, serverOfDriver(driver, server)), input: { ...input, server } };
  return { ...action, ...at } as unknown as ServersAction<Name>;
}

function reach<Name extends string>(driver: Name, owner: string, server: string): ServersAction<Name> {
  return {
    driver,
    op: 'reach-server',
    subject: `${serverOfDriver(driver, server)}/${owner}`,
    reason: 'the server did not answer',
    disruption: 'none',
    changes: [],
    input: { owner, server },
  };
}

async function apply<Name extends string>(
  driver: DatabasesDriver<Name>,
  action: ServersAction<Name>,
  { world, signal }: { readonly world: ServersWorld; readonly signal: AbortSignal },
): Promise<void> {
  const { server = '' } = action.input;
  const host = world.databaseServers(driver.name).find((each) => each.server === server);
  if (host === undefined) throw new HostError(`this host knows of no DatabaseServer ${server} yet`);
  const there = worldOf(world, host);
  noteServed(host, action.input.owner);
  if (action.op !== 'reach-server') return await driver.apply(action as unknown as DatabaseAction<Name>, there, signal);
  if (await host.hasServer(signal)) await host.start?.(signal);
  await driver.observe(there, signal);
}

/** `undefined` where somebody has to look. */
function advance<Name extends string>(
  driver: DatabasesDriver<Name>,
  snapshot: ServersSnapshot,
  done: readonly ServersAction<Name>[],
): ServersSnapshot | undefined {
  const after = new Map(snapshot);
  for (const [server, actions] of Map.groupBy(done, ({ input }) => input.server ?? '')) {
    const seen = after.get(server);
    if (seen === undefined || actions.some(({ op }) => op === 'reach-server')) return undefined;
    const advanced = driver.advance?.(seen, actions as unknown as readonly DatabaseAction<Name>[]);
    if (advanced === undefined) return undefined;
    after.set(server, advanced);
  }
  return after;
}
