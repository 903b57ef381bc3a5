import type { DatabaseAction, DatabaseSettings, DatabaseState, LoginSettings } from './model.ts';

/** Everything on a server, ours and that of others. Belongs to the loop; `advanceDatabases` changes it in place. */
export interface DatabasesSnapshot {
  /** What is under way here now, of an owner. */
  readonly jobsOf?: (owner: string) => DatabaseState['jobs'];
  /** What is under way for others with these databases. */
  readonly othersJobs?: (owner: string, names: Iterable<string>) => DatabaseState['othersJobs'];
  /** Dumped databases without a file on this machine. */
  readonly lostDumps?: ReadonlySet<string>;
  /** Whether an owner is known to be of this installation. Absent: all of them are. */
  readonly isServed?: (owner: string) => boolean;
  readonly databases: Shelf<DatabaseSettings>;
  readonly logins: Shelf<LoginSettings>;
}

/** Things of one kind by real name, and by whom they belong to. */
export interface Shelf<Settings> {
  readonly found: Map<string, Found<Settings>>;
  readonly byOwner: Map<string, Set<string>>;
  /** By the database that they have to do with. */
  readonly byUse: Map<string, Set<string>>;
  readonly usesOf: (settings: Settings) => readonly string[];
}

export interface Found<Settings> {
  /** `undefined`: somebody else's, which is never touched. */
  readonly owner: string | undefined;
  /** `undefined`: not as it was left, so that it is put again. */
  readonly settings: Settings | undefined;
}

export function emptyDatabases(): DatabasesSnapshot {
  return { databases: emptyShelf(() => []), logins: emptyShelf(({ grants }) => Object.keys(grants)) };
}

function emptyShelf<Settings>(usesOf: Shelf<Settings>['usesOf']): Shelf<Settings> {
  return { found: new Map(), byOwner: new Map(), byUse: new Map(), usesOf };
}

/** Notes a thing as it was found, in place of what was known of it. */
export function putFound<Settings>(shelf: Shelf<Settings>, name: string, thing: Found<Settings>): void {
  dropFound(shelf, name);
  shelf.found.set(name, thing);
  for (const [names, under] of placesOf(shelf, thing)) {
    const there = names.get(under) ?? new Set();
    names.set(under, there.add(name));
  }
}

export function dropFound<Settings>(shelf: Shelf<Settings>, name: string): void {
  const thing = shelf.found.get(name);
  shelf.found.delete(name);
  for (const [names, under] of thing === undefined ? [] : placesOf(shelf, thing)) {
    const there = names.get(under);
    there?.delete(name);
    if (there?.size === 0) names.delete(under);
  }
}

/** Where its name stands. */
function placesOf<Settings>(
  { byOwner, byUse, usesOf }: Shelf<Settings>,
  { owner, settings }: Found<Settings>,
): readonly (readonly [Map<string, Set<string>>, under: string])[] {
  const uses = settings === undefined ? [] : usesOf(settings).map((use) => [byUse, use] as const);
  return owner === undefined ? uses : [[byOwner, owner], ...uses];
}

/** What one owner has. */
export function databasesOf(
  { databases, logins, jobsOf, othersJobs, lostDumps, isServed }: DatabasesSnapshot,
  owner: string,
): DatabaseState {
  const own = { databases: ownedBy(owner, databases), logins: ownedBy(owner, logins) };
  const lost = [...own.databases].filter(
    ([name, found]) => found?.access === 'Dumped' && lostDumps?.has(name) === true,
  );
  const [jobs, others] = [jobsOf?.(owner), othersJobs?.(owner, own.databases.keys())];
  return {
    ...own,
    ...(isServed === undefined ? {} : { isShared: true }),
    ...(lost.length === 0 ? {} : { lostDumps: new Set(lost.map(([name]) => name)) }),
    ...(jobs === undefined || jobs.size === 0 ? {} : { jobs }),
    ...(others === undefined || others.size === 0 ? {} : { othersJobs: others }),
  };
}

function ownedBy<Settings>(
  owner: string,
  { found, byOwner }: Shelf<Settings>,
): ReadonlyMap<string, Settings | undefined> {
  return new Map([...(byOwner.get(owner) ?? [])].map((name) => [name, found.get(name)?.settings]));
}

/** The snapshot after these actions, without looking again; `undefined` where they do not tell. */
export function advanceDatabases<Name extends string>(
  snapshot: DatabasesSnapshot,
  done: readonly DatabaseAction<Name>[],
): DatabasesSnapshot | undefined {
  const { databases, logins } = snapshot;
  if (done.some((action) => isUnclear(action, databases))) return undefined;
  for (const action of done) note(action, { databases, logins });
  return snapshot;
}

function note<Name extends string>(
  { op, input }: DatabaseAction<Name>,
  { databases, logins }: Pick<DatabasesSnapshot, 'databases' | 'logins'>,
): void {
  const { name, owner } = input;
  switch (op) {
    case 'create-database':
    case 'put-database':
      return putFound(databases, name, { owner, settings: input.settings });
    case 'create-login':
    case 'put-login':
      return putFound(logins, name, { owner, settings: input.settings });
    case 'keep-database':
      return putFound(databases, name, { owner: input.heir, settings: keptAs(input, databases) });
    case 'drop-login':
      return dropFound(logins, name);
    case 'drop-database':
      dropFound(databases, name);
      return forgetUsersOf(name, logins);
    // What a job does is told by its end.
    case 'dump-database':
    case 'end-job':
  }
}

/** Whether only a look tells what came of it: nobody knows how what is kept was before, or what is made from a file takes its time. */
function isUnclear<Name extends string>({ op, input }: DatabaseAction<Name>, databases: Shelf<DatabaseSettings>) {
  if (op === 'keep-database') return keptAs(input, databases) === undefined;
  return op === 'create-database' && databases.found.has(input.name);
}

/** What is kept is as it was found, and closed; `undefined` where that is not known. */
function keptAs(
  { name, owner }: { readonly name: string; readonly owner: string },
  { found }: Shelf<DatabaseSettings>,
): DatabaseSettings | undefined {
  const before = found.get(name);
  return before?.settings === undefined || before.owner !== owner
    ? undefined
    : { ...before.settings, access: before.settings.access === 'Dumped' ? 'Dumped' : 'Closed' };
}

/** What a login might there went with the database: one that is made again under the name knows nothing of it. */
function forgetUsersOf(database: string, logins: Shelf<LoginSettings>): void {
  for (const name of [...(logins.byUse.get(database) ?? [])])
    putFound(logins, name, { owner: logins.found.get(name)?.owner, settings: undefined });
}
