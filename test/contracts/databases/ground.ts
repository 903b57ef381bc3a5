import { required } from '#runtime/base/errors.ts';
import type { DatabasesDriver, DatabasesWorld } from '#runtime/drivers/databases/create-driver.ts';
import {
  serverOfDriver,
  type DatabaseAccess,
  type DatabaseGrant,
  type DatabaseSettings,
  type DatabaseState,
  type LoginSettings,
  type PasswordRef,
  type SessionLimits,
} from '#runtime/drivers/databases/model.ts';
import { ownerId, type Owner } from '#runtime/drivers/driver.ts';
import type { Host } from '#runtime/host/host.ts';
import { until } from '#test/lab/instance.ts';
import { randomFrom } from '#test/lab/random.ts';
import { isThorough, samplingSeed } from '#test/lab/sampling.ts';
import { reach } from '#test/contracts/driver.ts';

/** A break takes all of a law once more. */
const usualStride = 4;

/** Somebody who is logged in. */
export interface DatabaseSession {
  /** Rows, each a list of what is in its columns, as text. Rejects with the server's words. */
  query(statement: string): Promise<readonly (readonly (string | null)[])[]>;
  close(): Promise<void>;
}

/** A real server of the test's own, and what differs between engines. */
export interface DatabasesUnderTest<Name extends string> {
  readonly driver: DatabasesDriver<Name>;
  readonly world: DatabasesWorld;
  /** Encoding and collation that the engine has by default. */
  readonly usual: Pick<DatabaseSettings, 'encoding' | 'collation'>;
  /** One that Debian's server brings; `undefined` where the engine has none. */
  readonly extension: string | undefined;
  /** What Secrets hold, by key. */
  readonly passwords: Map<string, string>;
  /** From where logins come; by the socket when absent. */
  readonly origins?: readonly string[];
  /** The machine that dumps are on. */
  readonly host: Host;
  /** How many a login may have at once. */
  readonly passwordsByLogin: 1 | 2;
  /** Logs in by the socket that tenants have. Rejects when it is refused. */
  login(name: string, password: string, database?: string): Promise<DatabaseSession>;
  /** As the administrator, into a database where one is named. */
  admin(database?: string): Promise<DatabaseSession>;
  /** Statements that the driver has sent so far, by the server's own log: those that only read, and all others. */
  statements(): Promise<{ readonly reads: number; readonly writes: number }>;
  /** All that the server and the driver have logged so far. */
  log(): Promise<string>;
  /** From now on the connection of the driver breaks once so many statements have been sent; `undefined`: no more. */
  breakAfter(statements: number | undefined): void;
  /** In the usual run breaks are tried so many statements apart, from one on that chance chooses; 4 when absent. */
  readonly stride?: number;
  /** What an owner may make that no dump holds, or that none can be made of. */
  readonly undumpable: readonly string[];
  /** kill -9, what is to be done while nothing answers, and a new start. */
  crash(meanwhile?: () => Promise<void>): Promise<void>;
  /** What the server has by itself, under names that somebody could wish for. */
  readonly own: { readonly databases: readonly string[]; readonly logins: readonly string[] };
  /** What a tenant may try beforehand, as Owner, to write once the database is full, and what then: each by itself. A name stands for the table to write to. */
  readonly tricks: readonly {
    readonly name: string;
    readonly before: readonly string[];
    readonly tries: readonly string[];
  }[];
  /** What an administrator may do by hand to the thing of this name, and which has to be put right. */
  readonly drifts: (
    database: string,
    login: string,
  ) => readonly { readonly name: string; readonly statements: readonly string[] }[];
  /** A statement that takes so many seconds, and what a session says so that its statements may take as long as they like. */
  readonly lasting: { readonly sleep: (seconds: number) => string; readonly lift: string };
  /** Statements that ask what there is of others: their rows must not hold a name of theirs that means something. */
  readonly peeks: readonly string[];
}

/** What a session may use where a test does not say. */
export const usualLimits: SessionLimits = { statementTimeoutMs: 600_000, temporaryBytes: 1 << 30 };

export const one: Owner = { kind: 'Database', namespace: 'acme', name: 'shop', uid: 'u1' };
export const other: Owner = { kind: 'Database', namespace: 'zoo', name: 'shop', uid: 'u2' };
/** What stands for data of `one` that is kept, in two lives of its name. */
export const keeper: Owner = { kind: 'RetainedData', namespace: '', name: 'database.acme.shop.u1.web1', uid: 'u3' };
export const signal = new AbortController().signal;

/** What laws are told with. */
export type DatabasesGround<Name extends string> = ReturnType<typeof databasesGround<Name>>;

/** A server under test, and how one works with it in a few words. */
export function databasesGround<Name extends string>(under: DatabasesUnderTest<Name>) {
  const { driver, world } = under;
  const go = async (state: DatabaseState, owner = one) => await reach(driver, world, owner, state);
  const planned = async (state: DatabaseState, owner = one) =>
    driver.plan(owner, driver.normalize(state), driver.of(owner, await driver.observe(world, signal)));
  const settings = (access: DatabaseAccess = 'Open', extensions: readonly string[] = []): DatabaseSettings => ({
    ...under.usual,
    extensions,
    access,
  });
  let versions = 0;
  /** A login whose Secret has this password from now on. */
  const login = (
    name: string,
    password: string,
    grants: Readonly<Record<string, DatabaseGrant>>,
    more: Partial<LoginSettings> = {},
  ): readonly [string, LoginSettings] => {
    const origins = under.origins === undefined ? {} : { origins: under.origins };
    const usual = { connections: 5, limits: usualLimits, isLocked: false, ...origins };
    return [name, { password: aPassword(password), grants, ...usual, ...more }];
  };
  const aPassword = (password: string): PasswordRef => {
    const key = `p${String((versions += 1))}`;
    under.passwords.set(key, password);
    return { namespace: 'acme', name: 'shop', key };
  };
  const state = (
    databases: Readonly<Record<string, DatabaseSettings>>,
    logins: readonly (readonly [string, LoginSettings])[] = [],
  ): DatabaseState => ({ databases: new Map(Object.entries(databases)), logins: new Map(logins) });
  const clear = async (): Promise<void> => {
    for (const owner of [one, other, keeper]) await go(driver.nothing, owner);
  };
  /** Logs in, works, and leaves. */
  const as = async <R>(
    [name, password, database]: readonly [string, string, string?],
    work: (session: DatabaseSession) => Promise<R>,
  ): Promise<R> => {
    const session = await under.login(name, password, database);
    try {
      return await work(session);
    } finally {
      await session.close();
    }
  };
  const does = async (who: readonly [string, string, string?], ...statements: readonly string[]) =>
    await as(who, async (session) => {
      let rows: readonly (readonly (string | null)[])[] = [];
      for (const statement of statements) rows = await session.query(statement);
      return rows;
    });
  const jobs = required(world.jobs, 'a place for jobs');
  const place = serverOfDriver(driver.name, world.host.server);
  /** Waits until nothing is under way for an owner, or it did not go well; says what it said then. */
  const jobDone = async (owner = one): Promise<string | undefined> => {
    let said: string | undefined;
    await until(() => {
      const [job] = jobs.of(place, ownerId(owner)).values();
      said = job?.phase === 'Failed' ? job.message : undefined;
      return job === undefined || said !== undefined;
    }, 'the end of a job');
    return said;
  };
  /** As `go`, with what that begins, again and again until nothing is left to do. Rejects with what did not go well. */
  const goThrough = async (wanted: DatabaseState, owner = one): Promise<void> => {
    while ((await go(wanted, owner)).length > 0) {
      const said = await jobDone(owner);
      if (said !== undefined) throw new Error(said);
    }
  };
  /** What was under way is gone, as with its process. */
  const forgetJobs = async (): Promise<void> => await jobs.end(place, 'd_one');
  const random = randomFrom(samplingSeed);
  const { stride = usualStride } = under;
  /**
   * Has `law` break the connection in what it hands to `broken`, after no statement, after one, and so on until nothing breaks, or after a sample of these; after how many
   * nothing did. `dear`: so many times fewer in the usual run.
   */
  const atEachBreak = async (
    law: (broken: (work: () => Promise<unknown>) => Promise<void>) => Promise<void>,
    dear = 1,
  ): Promise<number> => {
    const step = isThorough ? 1 : stride * dear;
    for (let count = Math.floor(random() * step); ; count += step) {
      let broke = false;
      await law(async (work) => {
        under.breakAfter(count);
        await work().catch(() => (broke = true));
        under.breakAfter(undefined);
      });
      if (!broke) return count;
    }
  };
  return {
    under,
    driver,
    world,
    go,
    planned,
    settings,
    login,
    aPassword,
    state,
    clear,
    as,
    does,
    jobDone,
    goThrough,
    forgetJobs,
    atEachBreak,
  };
}
