import { setTimeout as delay } from 'node:timers/promises';
import { backoffMs } from '#runtime/base/backoff.ts';
import { BugError, HostError } from '#runtime/base/errors.ts';
import type { ServiceState, ServiceUnit, Services } from '#runtime/host/host.ts';
import { keepLogsBounded, logTail } from '#runtime/host/local/service-log.ts';
import { hashUnit } from '#runtime/host/local/unit-hash.ts';
import type { Logger } from '#runtime/telemetry/logger.ts';
import { launch } from './launch.ts';
import {
  familyOf,
  groupOf,
  isAlive,
  isGroupAlive,
  isInTable,
  sendSignal,
  type ProcessIdentity,
} from './process-table.ts';
import { readRecords, removeRecord, writeRecord, type ServiceRecord } from './service-record.ts';

/** A process that ends this soon after its start did not start. */
const graceMs = 10;
const pollMs = 1_000;
const defaultStopTimeoutMs = 10_000;
/** After SIGKILL; a process in an uninterruptible wait is left to the kernel then. */
const killWaitMs = 5_000;
/** A service that ran this long starts its back-off anew. */
const steadyMs = 60_000;
const restartBackoff = { firstMs: 100, maxMs: 30_000, factor: 2, jitterRatio: 0.2 };

/** Where a supervisor keeps its records (0700, its own), and its logger. */
export interface SupervisorOptions {
  readonly directory: string;
  readonly log: Logger;
  /** False: only looks and stops; whatever ended stays so. True unless given. */
  readonly restarts?: boolean;
}

interface Tracked {
  record: ServiceRecord;
  /** Whether we are its parent and hear of its end still; others are polled. */
  isChild: boolean;
  failures: number;
  restart: NodeJS.Timeout | undefined;
}

/** The state that the functions below share. */
interface Scope extends SupervisorOptions {
  readonly tracked: Map<string, Tracked>;
  /** One operation at a time for each service. */
  readonly turns: Map<string, Promise<unknown>>;
  readonly lifetime: AbortSignal;
}

/**
 * Services as processes of ours, without systemd: limits are not enforced. Takes over what an earlier supervisor left running, by process id and
 * start time; restarts what ended meanwhile. When `lifetime` aborts it lets go and stops nothing.
 */
export function openSupervisor(options: SupervisorOptions, lifetime: AbortSignal): Services {
  const scope: Scope = { ...options, tracked: new Map(), turns: new Map(), lifetime };
  for (const record of readRecords(options.directory)) adopt(scope, record);
  const timer = setInterval(() => pollAdopted(scope), pollMs).unref();
  keepLogsBounded(
    () => [...scope.tracked.values()].flatMap(({ record }) => record.unit.logPath ?? []),
    scope.log,
    lifetime,
  );
  lifetime.addEventListener('abort', () => {
    clearInterval(timer);
    for (const each of scope.tracked.values()) clearTimeout(each.restart);
  });
  return {
    manager: 'supervisor',
    slices: undefined,
    list: async () => [...scope.tracked.keys()].toSorted().map((name) => stateOf(scope, name)),
    get: async (name) => (scope.tracked.has(name) ? stateOf(scope, name) : undefined),
    processCount: async (name) => {
      const record = scope.tracked.get(name)?.record;
      return record === undefined ? 0 : familyOf(record).length;
    },
    start: (unit, signal) => inTurn(scope, unit.name, () => start(scope, unit, signal)),
    stop: (name, signal) => inTurn(scope, name, () => stop(scope, name, signal)),
    signal: async (name, signal) => {
      const record = scope.tracked.get(name)?.record;
      if (record === undefined || !isAlive(record)) throw new HostError(`service ${name} does not run`);
      sendSignal(record.pid, signal);
    },
  };
}

async function inTurn<T>(scope: Scope, name: string, step: () => Promise<T>): Promise<T> {
  const before = scope.turns.get(name) ?? Promise.resolve();
  const mine = before.then(step, step);
  scope.turns.set(name, mine);
  try {
    return await mine;
  } finally {
    if (scope.turns.get(name) === mine) scope.turns.delete(name);
  }
}

function stateOf(scope: Scope, name: string): ServiceState {
  const record = scope.tracked.get(name)?.record;
  if (record === undefined || !isAlive(record)) return { name, running: false };
  return { name, running: true, pid: record.pid, unitHash: record.unitHash };
}

async function start(scope: Scope, unit: ServiceUnit, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted();
  if (!/^[A-Za-z0-9][A-Za-z0-9.-]{0,199}$/.test(unit.name))
    throw new BugError(`"${unit.name}" is no name for a service`);
  const known = scope.tracked.get(unit.name);
  if (known !== undefined) {
    if (isAlive(known.record) && known.record.unitHash === hashUnit(unit)) return;
    await stop(scope, unit.name, signal);
  }
  const tracked = begin(scope, unit, 0);
  await delay(graceMs);
  if (isAlive(tracked.record)) return;
  forget(scope, unit.name);
  throw new HostError(`service ${unit.name} ended at once: ${logTail(unit.logPath)}`, {
    program: unit.command[0] ?? '',
  });
}

function begin(scope: Scope, unit: ServiceUnit, failures: number): Tracked {
  const { child, pid, startTime } = launch(unit);
  const record = { pid, startTime, unit, unitHash: hashUnit(unit), startedMs: Date.now() };
  try {
    writeRecord(scope.directory, record);
  } catch (err) {
    // A process that nobody would find again (the disk is full) must not hold the ports of the next one.
    sendSignal(-pid, 'SIGKILL');
    throw err;
  }
  const tracked: Tracked = { record, isChild: true, failures, restart: undefined };
  scope.tracked.set(unit.name, tracked);
  child.once('exit', (code, by) => {
    if (scope.tracked.get(unit.name) === tracked) onEnd(scope, tracked, by ?? `exit ${code}`);
  });
  return tracked;
}

function adopt(scope: Scope, record: ServiceRecord): void {
  const tracked: Tracked = { record, isChild: false, failures: 0, restart: undefined };
  scope.tracked.set(record.unit.name, tracked);
  if (!isAlive(record)) onEnd(scope, tracked, 'ended while nobody watched');
}

/** Nobody waits for this who could be told of a failure, such as that no further file can be opened: the poll meets the end again. */
function onEnd(scope: Scope, tracked: Tracked, how: string): void {
  try {
    settle(scope, tracked, how);
  } catch (err) {
    scope.log.error({ service: tracked.record.unit.name, err }, 'the end of a service is not dealt with yet');
    tracked.isChild = false;
  }
}

/** Restarts after a back-off, or forgets what is only started on demand. Whatever the main process left behind in its group goes first. */
function settle(scope: Scope, tracked: Tracked, how: string): void {
  const { unit, startedMs } = tracked.record;
  if (scope.lifetime.aborted || tracked.restart !== undefined) return;
  if (isGroupAlive(tracked.record)) sendSignal(-tracked.record.pid, 'SIGKILL');
  if (scope.restarts === false) return;
  if (unit.restart === 'never') {
    forget(scope, unit.name);
    return;
  }
  const failures = Date.now() - startedMs > steadyMs ? 1 : tracked.failures + 1;
  const waitMs = backoffMs(restartBackoff, failures);
  scope.log.warn({ service: unit.name, how, waitMs }, 'service ended and will be restarted');
  tracked.restart = setTimeout(() => void restart(scope, tracked, failures), waitMs);
}

async function restart(scope: Scope, ended: Tracked, failures: number): Promise<void> {
  const { unit } = ended.record;
  await inTurn(scope, unit.name, async () => {
    if (scope.lifetime.aborted || scope.tracked.get(unit.name) !== ended) return;
    try {
      begin(scope, unit, failures);
    } catch (err) {
      scope.log.error({ service: unit.name, err }, 'service could not be restarted');
      ended.restart = undefined;
      ended.failures = failures;
      onEnd(scope, ended, 'not started');
    }
  });
}

function pollAdopted(scope: Scope): void {
  for (const tracked of scope.tracked.values()) {
    if (!tracked.isChild && !isAlive(tracked.record)) onEnd(scope, tracked, 'ended');
  }
}

async function stop(scope: Scope, name: string, signal: AbortSignal): Promise<void> {
  const tracked = scope.tracked.get(name);
  if (tracked === undefined) return;
  const { record } = tracked;
  // From here on its end is wanted: `exit` finds it untracked.
  scope.tracked.delete(name);
  clearTimeout(tracked.restart);
  // Programs in a sandbox have groups of their own: the family is known only as long as its leader lives.
  const started = (): readonly ProcessIdentity[] => (record.unit.keepsServices === true ? [] : familyOf(record));
  const family = started();
  try {
    signalAll(record, family, record.unit.stopSignal ?? 'SIGTERM');
    const isGone = await allEnd(tracked, family, record.unit.stopTimeoutMs ?? defaultStopTimeoutMs, signal);
    if (!isGone) {
      const last = [...family, ...started()];
      signalAll(record, last, 'SIGKILL');
      await allEnd(tracked, last, killWaitMs, signal);
    }
  } finally {
    if (isAlive(record)) scope.tracked.set(name, tracked);
    else removeRecord(scope.directory, name);
  }
}

function signalAll(leader: ServiceRecord, family: readonly ProcessIdentity[], signal: NodeJS.Signals): void {
  if (isGroupAlive(leader)) sendSignal(-leader.pid, signal);
  for (const each of family) if (groupOf(each.pid) !== leader.pid && isAlive(each)) sendSignal(each.pid, signal);
}

/** Polls with growing waits, from 1 ms: the end of so many is told by no event. */
async function allEnd(
  { record, isChild }: Tracked,
  family: readonly ProcessIdentity[],
  timeoutMs: number,
  signal: AbortSignal,
): Promise<boolean> {
  const deadline = performance.now() + timeoutMs;
  const isThere = (): boolean => isGroupAlive(record) || family.some(isAlive) || (isChild && isInTable(record));
  for (let waitMs = 1; isThere(); waitMs = Math.min(waitMs * 2, 50)) {
    if (performance.now() > deadline) return false;
    await delay(waitMs, undefined, { signal });
  }
  return true;
}

function forget(scope: Scope, name: string): void {
  removeRecord(scope.directory, name);
  clearTimeout(scope.tracked.get(name)?.restart);
  scope.tracked.delete(name);
}
