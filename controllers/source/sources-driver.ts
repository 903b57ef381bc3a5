import { sourceKind } from '#schemas/v1alpha1/source.ts';
import { isEqual } from '#runtime/base/json.ts';
import { ownerId, type Driver, type Owner } from '#runtime/drivers/driver.ts';
import type { Cache } from '#runtime/manager/cache.ts';
import type { Action } from '#runtime/plan/plan.ts';
import { standingOf, type SourceOrder, type SourceState, type SourceWork, type Standing } from './model.ts';
import type { SourceContent } from './read-content.ts';
import { lookAt } from './sync.ts';
import type { SourceTools } from './tools.ts';
import type { Turns } from './turns.ts';
import { createDirectoryWatches } from './directory-watches.ts';

interface LookInput {
  readonly owner: Owner;
  readonly order: SourceOrder;
}

export type SourcesAction =
  Action<'sources', 'look-at-source', LookInput> | Action<'sources', 'forget-source', { readonly owner: Owner }>;

interface World {
  readonly cache: Cache;
}

interface Known {
  readonly work: SourceWork;
  readonly content: SourceContent | undefined;
}

const keptCharacters = 256 * 1024;

/** What was found of each Source by `ownerId`; it can be lost, and is found again. */
type Memory = Map<string, Known>;

/**
 * Looks at Sources when they ask for it, when a directory changes, and after their interval. A look that ends in a fault of the source is a look like any
 * other, with the fault in its report; what is to be tried again soon rejects.
 */
export function createSourcesDriver<W extends World>(
  tools: SourceTools,
  turns: Turns,
): Driver<'sources', Memory, SourceState, SourcesAction, W> {
  const memory: Memory = new Map();
  const onStale = (owner: string): void => {
    const known = memory.get(owner);
    if (known !== undefined) memory.set(owner, { ...known, work: { ...known.work, lookedAtMs: 0 } });
  };
  const watches = createDirectoryWatches({ tools, isBusy: turns.isBusy, onStale });
  const look = async ({ owner, order }: LookInput, cache: Cache, signal: AbortSignal): Promise<Known> => {
    const id = ownerId(owner);
    await watches.begin(id, order.directory?.path);
    const known = memory.get(id);
    const isKnown = known !== undefined && isSamePlace(known.work.order, order);
    const before = beforeOf(owner, { order, known, cache });
    const content = isKnown ? known.content : undefined;
    const looked = await lookAt({ ...before, owner, order, known: content, tools, signal });
    const work = { order, lookedAtMs: tools.clock.now(), report: looked.report };
    return { work, content: isSmall(looked.content) ? looked.content : undefined };
  };
  return {
    name: 'sources',
    nothing: undefined,
    looks: ['look-at-source', 'forget-source'],
    normalize: (desired) => desired,
    observe: () => Promise.resolve(memory),
    advance: (snapshot) => snapshot,
    of: (owner, snapshot) => snapshot.get(ownerId(owner))?.work,
    plan: planLook,
    apply: async (action, { cache }, signal) => {
      const id = ownerId(action.input.owner);
      if (action.op === 'forget-source') {
        watches.end(id);
        memory.delete(id);
        return;
      }
      turns.begin(action.input.owner);
      try {
        memory.set(id, await look(action.input, cache, signal));
      } finally {
        turns.end(action.input.owner);
      }
    },
    watchDrift: async (_world, onDrift, signal) => await watches.follow(onDrift, signal),
  };
}

/** What is large is read again at each look: there may be very many Sources. */
function isSmall(content: SourceContent | undefined): boolean {
  const size = content?.texts.reduce((sum, { text }) => sum + text.length, 0) ?? 0;
  return size <= keptCharacters;
}

function planLook(owner: Owner, desired: SourceState, observed: SourceState): readonly SourcesAction[] {
  const common = { driver: 'sources', subject: ownerId(owner), disruption: 'none', changes: [] } as const;
  if (desired === undefined)
    return observed === undefined
      ? []
      : [{ ...common, op: 'forget-source', reason: 'no longer wanted', input: { owner } }];
  const { order, lookedAtMs } = desired;
  const isSame = observed !== undefined && isEqual(observed.order, order);
  if (isSame && observed.lookedAtMs >= lookedAtMs) return [];
  return [{ ...common, op: 'look-at-source', reason: isSame ? 'due' : 'differs', input: { owner, order } }];
}

function isSamePlace(a: SourceOrder, b: SourceOrder): boolean {
  return isEqual(a.git, b.git) && isEqual(a.directory, b.directory);
}

/** What stood before: by our own memory, or after a start by the status. */
function beforeOf(
  { namespace, name }: Owner,
  { order, known, cache }: { readonly order: SourceOrder; readonly known: Known | undefined; readonly cache: Cache },
): { readonly before: Standing; readonly isSameOrder: boolean } {
  const report = known?.work.report;
  if (report !== undefined) return { before: report, isSameOrder: known?.work.order.generation === order.generation };
  const source = cache.get(sourceKind, { namespace, name });
  if (source === undefined) return { before: { inventory: [] }, isSameOrder: false };
  return { before: standingOf(source), isSameOrder: source.status?.observedGeneration === order.generation };
}
