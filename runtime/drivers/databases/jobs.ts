import { backoffMs, type Backoff } from '#runtime/base/backoff.ts';
import type { Clock } from '#runtime/base/clock.ts';
import { HostError, Wcp360Error } from '#runtime/base/errors.ts';
import { createTurns, type Turns } from '#runtime/base/turns.ts';
import type { Logger } from '#runtime/telemetry/logger.ts';
import { createHolds, type Holds } from './holds.ts';

/** Work with one database that takes its time: while it goes on nothing else is done with it. */
export interface Job {
  /** The server, as `serverOfDriver` has it. */
  readonly driver: string;
  /** The `ServerHost` by which that is reached as long as the job goes on. */
  readonly host: object;
  /** Of the database, on the server. */
  readonly name: string;
  /** `ownerId` of the object that wants it. */
  readonly owner: string;
  /** From its beginning; `tell` hears how far it is. Gives everybody whose affair its end is. */
  readonly work: (tell: (message: string) => void, signal: AbortSignal) => Promise<readonly string[]>;
}

export interface JobProgress {
  /** Failed: it is begun anew by itself after a while. */
  readonly phase: 'Running' | 'Failed';
  /** A sentence. */
  readonly message: string;
}

/** Dumps and restores of a machine that are under way. Nothing of it is stored: what was done is found on the server. */
export interface DatabaseJobs {
  /** Of one owner, by name of the database; those that have ended well are gone. */
  of(driver: string, owner: string): ReadonlyMap<string, JobProgress>;
  /** Of everybody but one owner, with these databases. */
  ofOthers(driver: string, owner: string, names: Iterable<string>): ReadonlyMap<string, JobProgress>;
  /** Nothing where one is under way for the database. */
  start(job: Job): void;
  /** Resolves when nothing is done with the database any more. */
  end(driver: string, name: string): Promise<void>;
  /** Ends those for which that is so, and gives their owners once nothing is done for them any more. */
  endAll(isOver: (job: Pick<Job, 'driver' | 'host'>) => boolean): Promise<readonly string[]>;
  /**
   * Does something with a database beside no job: one of its owner's is ended before, and one that is started meanwhile waits. HostError, and nothing is done, while one of
   * another's is there; with `evenFailed` not while that waits for its next try.
   */
  hold(subject: Held['subject'], evenFailed: boolean, work: () => Promise<void>): Promise<void>;
  /** Has those that failed on a server try again now, since it answers: each once in an hour at most, since it may be by what one does that the server went. */
  wake(driver: string): void;
  /** Calls back with owners for whom one has ended, well or not; returns how to hear no more. */
  follow(driver: string, onChange: (owners: readonly string[]) => void): () => void;
}

interface JobsOptions {
  /** Jobs at once; others wait. */
  readonly atOnce: number;
  readonly clock: Clock;
  readonly log: Logger;
  readonly signal: AbortSignal;
}

interface Running {
  readonly job: Job;
  progress: JobProgress;
  readonly stop: AbortController;
  readonly nap: Nap;
  readonly ended: Promise<void>;
}

/** A large database is not dumped again and again within minutes. */
const patience: Backoff = { firstMs: 5_000, maxMs: 3_600_000, factor: 4, jitterRatio: 0.2 };

/** The pause of a job before its next try. */
interface Nap {
  over: AbortController;
  /** When it was cut short last. */
  cutAtMs: number;
}

/** What is under way. */
interface Underway {
  readonly running: Map<string, Running>;
  /** What is done with databases beside jobs. */
  readonly holds: Holds;
  readonly turns: Turns;
  readonly tellAll: (driver: string, owners: readonly string[]) => void;
}

/** No job runs yet. */
export function createDatabaseJobs(options: JobsOptions): DatabaseJobs {
  const listeners = new Set<{ readonly driver: string; readonly onChange: (owners: readonly string[]) => void }>();
  const tellAll = (driver: string, owners: readonly string[]): void => {
    for (const listener of listeners) if (listener.driver === driver) listener.onChange(owners);
  };
  const running = new Map<string, Running>();
  const underway = { running, tellAll, turns: createTurns(options.atOnce), holds: createHolds() };
  return {
    of: (driver, owner) =>
      new Map(
        [...running.values()]
          .filter(({ job }) => job.driver === driver && job.owner === owner)
          .map(({ job, progress }) => [job.name, progress]),
      ),
    ofOthers: (driver, owner, names) =>
      new Map(
        [...names].flatMap((name) => {
          const found = running.get(keyOf({ driver, name }));
          return found === undefined || found.job.owner === owner ? [] : [[name, found.progress] as const];
        }),
      ),
    start: (job) => start(options, underway, job),
    end: async (driver, name) => await end(running.get(keyOf({ driver, name }))),
    endAll: async (isOver) => {
      const over = [...running.values()].filter(({ job }) => isOver(job));
      await Promise.all(over.map(end));
      return [...new Set(over.map(({ job }) => job.owner))];
    },
    hold: async (subject, evenFailed, work) => await hold(underway, { subject, evenFailed, work }),
    wake: (driver) => {
      const failed = [...running.values()].filter(
        ({ job, progress }) => job.driver === driver && progress.phase === 'Failed',
      );
      for (const { nap } of failed) cut(nap, options.clock.now());
    },
    follow: (driver, onChange) => {
      const listener = { driver, onChange };
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
  };
}

function start(options: JobsOptions, { running, holds, turns, tellAll }: Underway, job: Job): void {
  const key = keyOf(job);
  if (running.has(key)) return;
  const stop = new AbortController();
  const signal = AbortSignal.any([options.signal, stop.signal]);
  const noted = (progress: JobProgress): void => {
    entry.progress = progress;
    if (progress.phase === 'Failed') tellAll(job.driver, [job.owner]);
  };
  const nap: Nap = { over: new AbortController(), cutAtMs: -Infinity };
  const tried = holds.free(key).then(async () => await keepTrying({ ...options, signal }, { job, noted, turns, nap }));
  const ended = tried.then((owners) => {
    if (running.get(key) === entry) running.delete(key);
    if (owners !== undefined) tellAll(job.driver, owners);
  });
  const progress = { phase: 'Running', message: 'It waits for its turn.' } as const;
  const entry: Running = { job, progress, stop, nap, ended };
  running.set(key, entry);
}

function cut(nap: Nap, nowMs: number): void {
  if (nowMs - nap.cutAtMs < patience.maxMs) return;
  nap.cutAtMs = nowMs;
  nap.over.abort(new Error('the server answers again'));
}

async function end(found: Running | undefined): Promise<void> {
  found?.stop.abort(new Error('the job is not wanted any more'));
  await found?.ended;
}

interface Held {
  readonly subject: Omit<Job, 'work' | 'host'>;
  readonly evenFailed: boolean;
  readonly work: () => Promise<void>;
}

async function hold({ running, holds }: Underway, { subject, evenFailed, work }: Held): Promise<void> {
  const key = keyOf(subject);
  const found = running.get(key);
  if (found !== undefined && found.job.owner !== subject.owner && !(evenFailed && found.progress.phase === 'Failed'))
    throw new HostError('the database is being made from a file for another object');
  await holds.during(key, async () => {
    await end(found);
    await work();
  });
}

interface Trying {
  readonly job: Job;
  readonly noted: (progress: JobProgress) => void;
  readonly turns: Turns;
  readonly nap: Nap;
}

/** Until it is done; `undefined` when it is not wanted any more. Never rejects. */
async function keepTrying(
  { clock, log, signal }: Omit<JobsOptions, 'atOnce'>,
  { job, noted, turns, nap }: Trying,
): Promise<readonly string[] | undefined> {
  const { driver, name, owner } = job;
  for (let attempt = 1; !signal.aborted; attempt += 1) {
    try {
      const tell = (message: string): void => noted({ phase: 'Running', message });
      const owners = await turns.take(async () => await job.work(tell, signal), signal);
      return [...new Set([owner, ...owners])];
    } catch (err) {
      if (signal.aborted) return undefined;
      log.warn({ err, driver, name, owner, attempt }, 'a job with a database failed');
      const what = err instanceof Wcp360Error && err.code !== 'WCP_BUG' ? err.message : 'an internal error occurred';
      nap.over = new AbortController();
      noted({ phase: 'Failed', message: `${what.replace(/[.]$/, '')}. It is tried again.` });
      const pause = AbortSignal.any([signal, nap.over.signal]);
      await clock.sleep(backoffMs(patience, attempt), pause).catch(() => undefined);
    }
  }
  return undefined;
}

function keyOf({ driver, name }: Pick<Job, 'driver' | 'name'>): string {
  return `${driver}/${name}`;
}
