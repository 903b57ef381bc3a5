import { FINALIZERS } from '#schemas/meta/names.ts';
import type { KubeObject } from '#schemas/meta/object.ts';
import { domainKind } from '#schemas/v1alpha1/domain.ts';
import { retainedDataKind, type RetainedData } from '#schemas/v1alpha1/retained-data.ts';
import type { Tree } from '#runtime/drivers/tree/model.ts';
import type { Cache } from '#runtime/manager/cache.ts';
import { defineController, type Outcome, type StatusPatch } from '#runtime/manager/controller.ts';
import type { DriverOf, Fate, HostParts } from '#controllers/parts.ts';

/** In the order of creation. */
export type RetainedDataDrivers<W> = {
  readonly tree: DriverOf<Tree, W>;
  /** Deletes the object itself when its time is over. */
  readonly disposal: DriverOf<Fate, W>;
};

/** What becomes of kept data. */
export interface RetainedDataInputs {
  /** The same object stands again, or is still on its way out: the data is its own. */
  readonly isTakenBack: boolean;
  readonly isExpired: boolean;
}

/** Kept data on its host: purged when its object is deleted or its time is over, left alone when what it belonged to is declared again. */
export function createRetainedDataHostController<W>({ hostName, tree, disposal, now }: HostParts<W>) {
  const drivers: RetainedDataDrivers<W> = { tree, disposal: disposal(retainedDataKind) };
  return defineController<typeof retainedDataKind, W, RetainedDataDrivers<W>, RetainedDataInputs>({
    name: 'retained-data.host',
    kind: retainedDataKind,
    finalizer: FINALIZERS.host,
    finalizerSetBy: 'loop',
    drivers,
    watches: [{ kind: domainKind, keysOf: (domain) => [{ name: retainedNameOf(domain) }] }],
    concerns: (kept) => kept.spec.host === hostName,
    gather: (kept, cache) => ({ isTakenBack: isTakenBack(kept, cache), isExpired: expiryMsOf(kept) <= now() }),
    desired: (kept, inputs) => ({
      tree: keptTree(kept),
      disposal: { fate: inputs.isExpired && !inputs.isTakenBack ? 'Go' : 'Stay', resourceVersion: '' },
    }),
    afterDeletion: (kept, inputs) => ({
      // A second deletion may have moved the data to this very path again: only what belongs to nobody is purged.
      tree: inputs === undefined || inputs.isTakenBack ? keptTree(kept) : drivers.tree.nothing,
      disposal: drivers.disposal.nothing,
    }),
    status: (kept, { inputs, outcome }) => retainedDataStatus(kept, inputs, outcome),
    due: (kept) => (kept.spec.expiresAt === undefined ? undefined : expiryMsOf(kept)),
  });
}

/** The kept directory is wanted as it is: whose it is and how it may be entered is decided when it is moved there. */
function keptTree(kept: RetainedData): Tree {
  return { directories: new Map(), kept: new Map([[originOf(kept), kept.spec.path]]) };
}

function originOf(kept: RetainedData): string {
  const { namespace, name } = kept.spec.objectRef;
  return `tenants/${namespace}/domains/${name}`;
}

function isTakenBack(kept: RetainedData, cache: Cache): boolean {
  const { kind, namespace, name } = kept.spec.objectRef;
  return kind === domainKind.kind && cache.get(domainKind, { namespace, name }) !== undefined;
}

function expiryMsOf(kept: RetainedData): number {
  return kept.spec.expiresAt === undefined ? Number.POSITIVE_INFINITY : Date.parse(kept.spec.expiresAt);
}

function retainedNameOf(domain: KubeObject): string {
  return `domain.${domain.metadata.namespace ?? ''}.${domain.metadata.name}`;
}

function retainedDataStatus(
  kept: RetainedData,
  inputs: RetainedDataInputs | undefined,
  outcome: Outcome,
): StatusPatch<typeof retainedDataKind> {
  const ready = (status: 'True' | 'False', reason: string, message: string): StatusPatch<typeof retainedDataKind> => ({
    fields: {},
    conditions: [{ type: 'Ready', status, reason, message }],
  });
  if (outcome.phase === 'failed') return ready('False', 'ApplyFailed', outcome.message);
  if (kept.metadata.deletionTimestamp !== undefined && inputs?.isTakenBack === false) {
    return ready('False', 'Purging', 'The data is being removed.');
  }
  if (inputs?.isTakenBack === true) return ready('True', 'TakenBack', 'The object is declared again; its data goes back to it.');
  const until = kept.spec.expiresAt === undefined ? 'until this object is deleted' : `until ${kept.spec.expiresAt}`;
  return ready('True', 'Kept', `The data is kept ${until}.`);
}
