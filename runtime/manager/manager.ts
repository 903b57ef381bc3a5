import type { Clock } from '#runtime/base/clock.ts';
import { systemClock } from '#runtime/base/clock.ts';
import type { Client } from '#runtime/client/client.ts';
import type { Logger } from '#runtime/telemetry/logger.ts';
import type { Metrics } from '#runtime/telemetry/metrics.ts';
import type { KubeObject } from '#schemas/meta/object.ts';
import type { Cache } from './cache.ts';
import type { AnyController } from './controller.ts';
import { createControllerRunner, type ControllerRunner } from './controller-runner.ts';
import { createDriverRuntimes } from './driver-runtime.ts';
import { createEventRecorder } from './event-recorder.ts';
import { createInformerSet, type HostSelector, type InformerSet, type InformerSetOptions } from './informer-set.ts';
import { runWithLeadership, type LeaderElectionOptions, type Leadership } from './leader-election.ts';
import { answerPlanRequests, type PlanRequestOptions } from './plan-requests.ts';
import { createOrphanSweep } from './orphans.ts';
import type { PlannedObject } from './plan-object.ts';
import type { RemovalGuard } from './removal-guard.ts';

export interface ManagerOptions<W> {
  readonly client: Client;
  readonly controllers: readonly AnyController<W>[];
  /** What the drivers act on; made from the cache, since drivers of child objects read there. */
  readonly world: W | ((cache: Cache) => W);
  readonly log: Logger;
  readonly metrics: Metrics;
  readonly clock?: Clock;
  readonly signal: AbortSignal;
  /** `host/web1`, `cluster`: who we are in events and plans. */
  readonly identity: string;
  /** Only one of several replicas works; the others keep their caches warm. */
  readonly leaderElection?: Pick<
    LeaderElectionOptions,
    'namespace' | 'name' | 'identity' | 'leaseMs' | 'renewDeadlineMs' | 'retryMs'
  >;
  /** For agents: kinds with `.status.host` are only seen where they are placed on this host, or on their way to it. */
  readonly hostSelector?: HostSelector;
  /** Kinds of which only a part is read. */
  readonly scopes?: InformerSetOptions['scopes'];
  /** Answers `wcpctl diff`. */
  readonly planRequests?: Pick<PlanRequestOptions, 'kind' | 'leads' | 'systemNamespace' | 'place'>;
  /** For agents: asked before anything is taken down. With it, what is served here for objects that are gone is found and ended. */
  readonly removals?: RemovalGuard;
  /** Rounds at once per controller; 8. */
  readonly concurrency?: number;
  /** A full pass without any cause; 10 h ± 10 %. */
  readonly resyncMs?: number;
}

/** A set of controllers at work. */
export interface Manager {
  readonly cache: Cache;
  /** Resolves when all caches have read everything once; rejects when the manager ended before. */
  readonly synced: Promise<void>;
  /** Resolves after an orderly end, rejects with LostLeadershipError (start a new one then). */
  readonly ended: Promise<void>;
  /** The plans of all controllers of this object's kind that it concerns: read-only. */
  planObject(object: KubeObject): Promise<readonly { readonly controller: string; readonly planned: PlannedObject }[]>;
  /** Looks at every object again. */
  resync(): void;
  /** Ends all work; resolves when it has ended. Actions under way are cut off: they can be repeated. */
  close(): Promise<void>;
}

const defaultResyncMs = 36_000_000;
const resyncJitter = 0.1;
/** Under client-go's name. */
const leadsMetric = { name: 'leader_election_master_status', help: 'Whether this replica leads.', labels: ['name'] };

/** Starts informers at once, and controllers when all caches have synced and this process leads. */
export function startManager<W>(options: ManagerOptions<W>): Manager {
  const { clock = systemClock, log, client } = options;
  const stop = new AbortController();
  const signal = AbortSignal.any([options.signal, stop.signal]);
  const informers = createInformerSet({
    client,
    log,
    clock,
    hostSelector: options.hostSelector,
    scopes: options.scopes,
  });
  const leadership = createLeadershipHolder();
  const runners = createRunners(options, { informers, signal, clock, fence: leadership.fence });
  const planObject: Manager['planObject'] = async (object) => await planWithAll(runners, object);
  if (options.planRequests !== undefined) informers.add(options.planRequests.kind);
  const following = informers.run(signal);
  const synced = untilAborted(informers.synced(), signal);
  const lead = async (leading: AbortSignal): Promise<void> => {
    await synced;
    if (options.planRequests !== undefined) {
      const kinds = runners.map(({ kind }) => kind);
      const parts = { client, log, clock, signal: leading, informers, planObject, kinds, by: options.identity };
      answerPlanRequests({ ...options.planRequests, ...parts });
    }
    if (options.removals !== undefined) {
      void keepGuard(options, { informers, runners, clock, guard: options.removals, signal: leading });
    }
    log.info({ controllers: runners.map(({ name }) => name) }, 'controllers start');
    await Promise.all([
      ...runners.map(async (runner) => await runner.run(leading)),
      resyncFromTimeToTime(options, { runners, clock, signal: leading }),
    ]);
  };
  const ended = runToEnd(options, { lead, leadership, clock, signal, following, stop });
  synced.catch(() => undefined);
  ended.catch((err: unknown) => log.error({ err }, 'manager ended'));
  return {
    cache: informers.cache,
    synced,
    ended,
    planObject,
    resync: () => {
      for (const runner of runners) runner.resync();
    },
    close: async () => {
      stop.abort(new Error('the manager is closed'));
      await ended.catch(() => undefined);
    },
  };
}

interface Parts {
  readonly informers: InformerSet;
  readonly signal: AbortSignal;
  readonly clock: Clock;
  readonly fence: () => void;
}

function createRunners<W>(options: ManagerOptions<W>, parts: Parts): readonly ControllerRunner[] {
  const { client, log, metrics, concurrency = 8 } = options;
  const { informers, signal, clock, fence } = parts;
  const { cache } = informers;
  const world = isWorldMaker(options.world) ? options.world(cache) : options.world;
  const drivers = createDriverRuntimes({ world, log, clock, signal });
  return options.controllers.map((controller) => {
    const component = controller.name;
    const events = createEventRecorder({ client, component, instance: options.identity, clock, log, signal });
    const facts = log.child({ controller: controller.name });
    const shared = { client, cache, world, drivers, events, metrics, clock, log: facts, fence, informers, concurrency };
    return createControllerRunner({ ...shared, controller, removals: options.removals });
  });
}

function isWorldMaker<W>(world: W | ((cache: Cache) => W)): world is (cache: Cache) => W {
  return typeof world === 'function';
}

interface LeadershipHolder {
  readonly fence: () => void;
  hold(leadership: Leadership): void;
}

function createLeadershipHolder(): LeadershipHolder {
  let held: Leadership | undefined;
  return {
    fence: () => held?.fence(),
    hold: (leadership) => {
      held = leadership;
    },
  };
}

async function runToEnd<W>(
  options: ManagerOptions<W>,
  run: {
    readonly lead: (signal: AbortSignal) => Promise<void>;
    readonly leadership: LeadershipHolder;
    readonly clock: Clock;
    readonly signal: AbortSignal;
    readonly following: Promise<void>;
    readonly stop: AbortController;
  },
): Promise<void> {
  const { signal, clock, lead } = run;
  try {
    if (options.leaderElection === undefined) await lead(signal);
    else {
      const election = { ...options.leaderElection, client: options.client, log: options.log, clock, signal };
      const leads = options.metrics.gauge(leadsMetric);
      const ofLease = { name: election.name };
      leads.set(ofLease, 0);
      await runWithLeadership(election, async (leadership) => {
        leads.set(ofLease, 1);
        run.leadership.hold(leadership);
        await lead(leadership.signal).finally(() => leads.set(ofLease, 0));
      });
    }
  } catch (err) {
    if (!signal.aborted) throw err;
  } finally {
    run.stop.abort(new Error('the manager has ended'));
    await run.following;
  }
}

/** Looks for orphans, and whenever a collection had to be read anew: there may be another store behind the server. */
async function keepGuard<W>(
  options: ManagerOptions<W>,
  parts: Pick<Parts, 'informers' | 'clock' | 'signal'> & {
    readonly runners: readonly ControllerRunner[];
    readonly guard: RemovalGuard;
  },
): Promise<void> {
  const { informers, runners, guard, clock, signal } = parts;
  const { client, log } = options;
  const keepers = runners.filter(({ keepsOrphans }) => keepsOrphans);
  const sweep = createOrphanSweep({ client, cache: informers.cache, keepers, guard, clock, log });
  for (const { kind } of keepers) {
    informers.subscribe(kind, ({ type, filling }) => {
      if (filling) guard.suspect();
      if (filling || type === 'deleted') sweep.due();
    });
  }
  guard.onLift(() => {
    for (const runner of runners) runner.resync();
    sweep.due();
  });
  await sweep.run(signal);
}

async function resyncFromTimeToTime<W>(
  options: ManagerOptions<W>,
  run: { readonly runners: readonly ControllerRunner[]; readonly clock: Clock; readonly signal: AbortSignal },
): Promise<void> {
  const everyMs = options.resyncMs ?? defaultResyncMs;
  for (;;) {
    const jitter = 1 + resyncJitter * (2 * Math.random() - 1);
    await run.clock.sleep(everyMs * jitter, run.signal).catch(() => undefined);
    if (run.signal.aborted) return;
    for (const runner of run.runners) runner.resync();
  }
}

async function planWithAll(
  runners: readonly ControllerRunner[],
  object: KubeObject,
): Promise<readonly { readonly controller: string; readonly planned: PlannedObject }[]> {
  const concerned = runners.filter((runner) => isOfKind(runner, object) && runner.concerns(object));
  return await Promise.all(
    concerned.map(async (runner) => ({ controller: runner.name, planned: await runner.plan(object) })),
  );
}

function isOfKind(runner: ControllerRunner, object: KubeObject): boolean {
  const slash = object.apiVersion.indexOf('/');
  const group = slash < 0 ? '' : object.apiVersion.slice(0, slash);
  return runner.kind.kind === object.kind && runner.kind.group === group;
}

async function untilAborted(promise: Promise<void>, signal: AbortSignal): Promise<void> {
  const aborted = Promise.withResolvers<never>();
  const abort = (): void => aborted.reject(signal.reason);
  signal.addEventListener('abort', abort, { once: true });
  try {
    if (signal.aborted) throw signal.reason;
    await Promise.race([promise, aborted.promise]);
  } finally {
    signal.removeEventListener('abort', abort);
  }
}
