import { isEqual } from '#runtime/base/json.ts';
import { required } from '#runtime/base/errors.ts';
import { ownerId, type Driver, type Owner } from '#runtime/drivers/driver.ts';
import { fieldChanges } from '#runtime/drivers/field-changes.ts';
import type { Host, Limits } from '#runtime/host/host.ts';
import type { SliceLimits, SlicesAction } from './model.ts';

/** What the driver acts on. */
export interface SlicesWorld {
  readonly host: Host;
}

/** Limits by owner. */
export type SlicesSnapshot = ReadonlyMap<string, SliceLimits>;

const noSlices: SliceLimits = new Map();

/** Slices of tenants. Limits hold for what runs as soon as they are put, so that nothing has to be started anew. */
export const slicesDriver: Driver<'slices', SlicesSnapshot, SliceLimits, SlicesAction, SlicesWorld> = {
  name: 'slices',
  nothing: noSlices,
  normalize: (desired) => new Map([...desired].map(([name, limits]) => [name, enforceable(limits)] as const)),
  observe: (world, signal) => observeSlices(world.host, signal),
  of: (owner, snapshot) => snapshot.get(ownerId(owner)) ?? noSlices,
  plan: planSlices,
  apply: applySlice,
};

/** The nearest amounts that a slice can have: processor time comes in steps of a hundredth, and nothing at all is no limit. */
function enforceable({ cpuMillicores, memoryBytes, processes }: Limits): Limits {
  return {
    ...(cpuMillicores === undefined ? {} : { cpuMillicores: Math.max(1, Math.round(cpuMillicores / 10)) * 10 }),
    ...(memoryBytes === undefined ? {} : { memoryBytes: Math.max(1, memoryBytes) }),
    ...(processes === undefined ? {} : { processes: Math.max(1, processes) }),
  };
}

async function observeSlices(host: Host, signal: AbortSignal): Promise<SlicesSnapshot> {
  const snapshot = new Map<string, Map<string, Limits>>();
  for (const [name, { owner, limits }] of (await host.services.slices?.list(signal)) ?? []) {
    snapshot.set(owner, (snapshot.get(owner) ?? new Map<string, Limits>()).set(name, limits));
  }
  return snapshot;
}

function planSlices(owner: Owner, desired: SliceLimits, observed: SliceLimits): readonly SlicesAction[] {
  const mark = ownerId(owner);
  const names = [...new Set([...observed.keys(), ...desired.keys()])].toSorted();
  return names.flatMap((name): readonly SlicesAction[] => {
    const from = observed.get(name);
    const to = desired.get(name);
    if (isEqual(from, to)) return [];
    const common = {
      driver: 'slices',
      subject: `slices/${mark}/${name}`,
      disruption: 'none',
      changes: fieldChanges(from, to),
    } as const;
    return to === undefined
      ? [{ ...common, op: 'delete-slice', reason: 'no longer wanted', input: { name } }]
      : [
          {
            ...common,
            op: 'put-slice',
            reason: from === undefined ? 'missing' : 'differs',
            input: { name, owner: mark, limits: to },
          },
        ];
  });
}

async function applySlice({ op, input }: SlicesAction, { host }: SlicesWorld, signal: AbortSignal): Promise<void> {
  const slices = required(host.services.slices, 'somebody who enforces limits');
  if (op === 'delete-slice') await slices.remove(input.name, signal);
  else await slices.put(input.name, input, signal);
}
