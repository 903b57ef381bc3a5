import { createHash } from 'node:crypto';
import { canonicalJson } from '#runtime/base/json.ts';
import { HostError } from '#runtime/base/errors.ts';
import type { ServiceState, ServiceUnit, Services, Slices } from '#runtime/host/host.ts';
import type { FaultSwitch } from './memory-faults.ts';

/** Services of the model machine, with what a test may do to them. */
export interface MemoryServices extends Services {
  /** Ends a service as if it had died; one with `restart: 'always'` is at once running again under another id. */
  kill(name: string): void;
  /** The declared units by name. */
  readonly units: ReadonlyMap<string, ServiceUnit>;
  /** Signals that were sent, in order. */
  readonly signals: readonly { readonly name: string; readonly signal: NodeJS.Signals }[];
}

/** What happens on the machine when a service starts or stops (a socket appears). */
export interface ServiceHooks {
  readonly onStart?: (unit: ServiceUnit) => void;
  readonly onStop?: (unit: ServiceUnit) => void;
}

/** What is declared and runs on one model machine, whoever looks at it. */
export interface ServiceRecords {
  readonly units: Map<string, ServiceUnit>;
  readonly running: Map<string, { readonly pid: number; readonly unitHash: string }>;
  readonly signals: { readonly name: string; readonly signal: NodeJS.Signals }[];
  lastPid: number;
}

/** A machine without services. */
export function createServiceRecords(): ServiceRecords {
  return { units: new Map(), running: new Map(), signals: [], lastPid: 100 };
}

/** What services of a model machine are made of. */
export interface MemoryServiceParts {
  readonly hooks: ServiceHooks;
  readonly records: ServiceRecords;
  readonly slices: Slices;
}

/** Services without processes: state only. */
export function createMemoryServices(faults: FaultSwitch, parts: MemoryServiceParts): MemoryServices {
  const { hooks, records, slices } = parts;
  const { units, running, signals } = records;
  const stateOf = (name: string): ServiceState => ({ name, running: running.has(name), ...running.get(name) });
  const begin = (unit: ServiceUnit): void => {
    running.set(unit.name, { pid: (records.lastPid += 1), unitHash: hashOf(unit) });
    hooks.onStart?.(unit);
  };
  const stop = (name: string): void => {
    const unit = units.get(name);
    units.delete(name);
    if (running.delete(name) && unit !== undefined) hooks.onStop?.(unit);
  };
  return {
    manager: 'systemd',
    slices: emptied(slices, (slice) => {
      for (const unit of [...units.values()]) if (unit.slice === slice) stop(unit.name);
    }),
    units,
    signals,
    list: async () => [...units.keys()].toSorted().map(stateOf),
    get: async (name) => (units.has(name) ? stateOf(name) : undefined),
    processCount: async (name) => (running.has(name) ? 1 : 0),
    start: async (unit) => {
      if (running.get(unit.name)?.unitHash === hashOf(unit)) return;
      faults.beforeEffect();
      stop(unit.name);
      units.set(unit.name, unit);
      begin(unit);
    },
    stop: async (name) => {
      if (!units.has(name)) return;
      faults.beforeEffect();
      stop(name);
    },
    signal: async (name, signal) => {
      faults.beforeEffect();
      if (!running.has(name)) throw new HostError(`service ${name} does not run`);
      signals.push({ name, signal });
    },
    kill: (name) => {
      const unit = units.get(name);
      if (unit?.restart === 'always') begin(unit);
      else stop(name);
    },
  };
}

/** Slices that are emptied before they are removed. */
function emptied(slices: Slices, empty: (name: string) => void): Slices {
  return {
    ...slices,
    remove: async (name, signal) => {
      empty(name);
      await slices.remove(name, signal);
    },
  };
}

function hashOf(unit: ServiceUnit): string {
  return createHash('sha256').update(canonicalJson(unit)).digest('hex').slice(0, 32);
}
