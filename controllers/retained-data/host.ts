import { FINALIZERS } from '#schemas/meta/names.ts';
import type { KubeObject } from '#schemas/meta/object.ts';
import { domainDirectory } from '#schemas/meta/tenant-tree.ts';
import { domainKind } from '#schemas/v1alpha1/domain.ts';
import { retainedDataKind, type RetainedData } from '#schemas/v1alpha1/retained-data.ts';
import type { Tree } from '#runtime/drivers/tree/model.ts';
import type { Cache } from '#runtime/manager/cache.ts';
import type { ObjectKey } from '#runtime/client/client.ts';
import { defineController, type Outcome, type StatusPatch } from '#runtime/manager/controller.ts';
import { keptByObject, keptForObject } from '#controllers/kept-data.ts';
import type { DriverOf, Fate, HostParts } from '#controllers/parts.ts';

/** In the order of creation. */
export type RetainedDataDrivers<W> = {
  readonly tree: DriverOf<Tree, W>;
  /** Deletes the object itself when its time is over. */
  readonly disposal: DriverOf<Fate, W>;
};

/** What becomes of kept data. */
export interface RetainedDataInputs {
  /** The object that the data was of: gone, or on another host; still leaving this one; or here again. */
  readonly object: 'Gone' | 'Leaving' | 'Back';
  readonly isExpired: boolean;
}

/** Kept data on its host: purged when its object is deleted or its time is over. Once the data is back in place nothing is left at its path. */
export function createRetainedDataHostController<W>({ hostName, tree, disposal, now }: HostParts<W>) {
  const drivers: RetainedDataDrivers<W> = { tree, disposal: disposal(retainedDataKind) };
  return defineController<typeof retainedDataKind, W, RetainedDataDrivers<W>, RetainedDataInputs>({
    name: 'retained-data.host',
    kind: retainedDataKind,
    finalizer: FINALIZERS.host,
    finalizerSetBy: 'loop',
    drivers,
    indexes: [keptByObject],
    watches: [{ kind: domainKind, keysOf: keptOf }],
    concerns: (kept) => kept.spec.host === hostName,
    gather: (kept, cache) => ({ object: objectOf(kept, cache), isExpired: expiryMsOf(kept) <= now() }),
    desired: (kept, inputs) => ({
      tree: keptTree(kept),
      disposal: { fate: inputs.isExpired && inputs.object === 'Gone' ? 'Go' : 'Stay', resourceVersion: '' },
    }),
    status: (kept, { inputs, outcome }) => retainedDataStatus(kept, inputs, outcome),
    due: (kept) => (kept.spec.expiresAt === undefined ? undefined : expiryMsOf(kept)),
  });
}

/** Only noted here, so that it can be purged: the Domain's own deletion moves the directory, and its return brings it back. */
function keptTree(kept: RetainedData): Tree {
  return { directories: new Map(), kept: new Map([[originOf(kept), kept.spec.path]]) };
}

function originOf(kept: RetainedData): string {
  const { namespace, name } = kept.spec.objectRef;
  return domainDirectory(namespace, name);
}

function objectOf(kept: RetainedData, cache: Cache): RetainedDataInputs['object'] {
  const { kind, namespace, name } = kept.spec.objectRef;
  const found = kind === domainKind.kind ? cache.get(domainKind, { namespace, name }) : undefined;
  if (found === undefined) return 'Gone';
  const isComing = [found.status?.host, found.status?.nextHost].includes(kept.spec.host);
  return isComing && found.metadata.deletionTimestamp === undefined ? 'Back' : 'Leaving';
}

function expiryMsOf(kept: RetainedData): number {
  return kept.spec.expiresAt === undefined ? Number.POSITIVE_INFINITY : Date.parse(kept.spec.expiresAt);
}

function keptOf(domain: KubeObject, cache: Cache): readonly ObjectKey[] {
  const { namespace = '', name } = domain.metadata;
  return keptForObject({ kind: 'Domain', namespace, name }, cache).map((kept) => ({ name: kept.metadata.name }));
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
  if (kept.metadata.deletionTimestamp !== undefined && inputs?.object === 'Gone') {
    return ready('False', 'Purging', 'The data is being removed.');
  }
  if (inputs?.object === 'Back')
    return ready('True', 'TakenBack', 'The object is here again; its data goes back to it.');
  const until = kept.spec.expiresAt === undefined ? 'until this object is deleted' : `until ${kept.spec.expiresAt}`;
  return ready('True', 'Kept', `The data is kept ${until}.`);
}
