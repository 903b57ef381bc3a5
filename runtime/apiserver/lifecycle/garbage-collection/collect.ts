import type { DeleteRequest, ResourceInfo } from '#runtime/apiserver/operations.ts';
import { isEqual } from '#runtime/base/json.ts';
import { keyOf, resourceOfCollection } from '#runtime/apiserver/lifecycle/object-refs.ts';
import { isWaitingForDependents, foregroundFinalizer, orphanFinalizer, ownerState } from './owners.ts';
import type { DependentIndex } from './dependent-index.ts';
import type { OwnerState, Reading } from './owners.ts';
import type { CachedObject } from '#runtime/storage/cache.ts';
import type { KubeObject, OwnerReference } from '#schemas/meta/object.ts';

/** What one look at an object needs. */
export interface Collecting extends Reading {
  readonly dependents: DependentIndex;
  /** Has this object looked at, too. */
  readonly enqueue: (key: string) => void;
}

/**
 * Brings one object in line with its owners (it is not being deleted).
 *
 * | owners | what happens |
 * | --- | --- |
 * | one unknown | nothing: whether it may stay cannot be told |
 * | at least one solid | references to absent and waiting owners are taken out |
 * | none solid, some waiting, and it has dependents itself | deleted in the foreground |
 * | none solid | deleted, by the policy that its finalizers name, else in the background |
 */
export async function collectDependent(collecting: Collecting, item: CachedObject): Promise<void> {
  if (!classify(collecting, item).mayGo) return;
  await collecting.cache.sync();
  const live = collecting.cache.get(item.collection, item.namespace, item.name);
  if (live === undefined || live.object.metadata.deletionTimestamp !== undefined) return;
  const owners = classify(collecting, live);
  if (!owners.mayGo) return;
  const resource = resourceOfCollection(collecting.operations, live.collection);
  if (resource === undefined) return;
  if (owners.solid > 0) await dropReferences(collecting, { resource, item: live, uids: owners.goneUids });
  else await removeDependent(collecting, { resource, item: live, hasWaitingOwner: owners.waiting > 0 });
}

interface Owners {
  readonly solid: number;
  readonly waiting: number;
  readonly goneUids: ReadonlySet<string>;
  /** Something is to be done. */
  readonly mayGo: boolean;
}

function classify(collecting: Collecting, item: CachedObject): Owners {
  const counts: Record<OwnerState, number> = { solid: 0, waiting: 0, absent: 0, unknown: 0 };
  const goneUids = new Set<string>();
  for (const reference of item.object.metadata.ownerReferences ?? []) {
    const state = ownerState(collecting, item, reference);
    counts[state] += 1;
    if (state === 'absent' || state === 'waiting') goneUids.add(reference.uid);
  }
  return {
    solid: counts.solid,
    waiting: counts.waiting,
    goneUids,
    mayGo: goneUids.size > 0 && counts.unknown === 0,
  };
}

interface Target {
  readonly resource: ResourceInfo;
  readonly item: CachedObject;
}

async function removeDependent(
  collecting: Collecting,
  target: Target & { readonly hasWaitingOwner: boolean },
): Promise<void> {
  const { metadata } = target.item.object;
  const own = collecting.dependents.dependentsOf(metadata.uid ?? '');
  const isForeground = target.hasWaitingOwner && own.length > 0;
  // Two objects that own each other would wait for each other for ever.
  if (isForeground && own.some((dependent) => isWaitingForDependents(dependent.object))) {
    await changeReferences(collecting, target, (references) =>
      references.map((reference) => ({ ...reference, blockOwnerDeletion: false })),
    );
  }
  const policy = isForeground ? 'Foreground' : policyOf(metadata.finalizers ?? []);
  // The uid keeps a namesake alive; references that changed meanwhile bring the object back by their own event, and solid ones are read again here.
  await collecting.operations.delete(target.resource, target.item, {
    propagationPolicy: policy,
    preconditions: preconditionsOf(target.item, isForeground),
  });
}

function preconditionsOf(item: CachedObject, hasJustChanged: boolean): NonNullable<DeleteRequest['preconditions']> {
  const { uid, resourceVersion } = item.object.metadata;
  return {
    ...(uid === undefined ? {} : { uid }),
    ...(resourceVersion === undefined || hasJustChanged ? {} : { resourceVersion }),
  };
}

function policyOf(finalizers: readonly string[]): NonNullable<DeleteRequest['propagationPolicy']> {
  if (finalizers.includes(orphanFinalizer)) return 'Orphan';
  return finalizers.includes(foregroundFinalizer) ? 'Foreground' : 'Background';
}

/** An owner that waits: sends its dependents off, and goes itself once none of them blocks it. Those that do not must be sent off while it still waits. */
export async function collectWaitingOwner(collecting: Collecting, owner: CachedObject): Promise<void> {
  await collecting.cache.sync();
  const uid = owner.object.metadata.uid ?? '';
  let isBlocked = false;
  for (const dependent of dependentsInReach(collecting, owner)) {
    const isBlocking = blocks(dependent.object, uid);
    isBlocked ||= isBlocking;
    if (dependent.object.metadata.deletionTimestamp !== undefined) continue;
    if (isBlocking) collecting.enqueue(keyOf(dependent));
    else await collectDependent(collecting, dependent);
  }
  if (!isBlocked) await dropFinalizer(collecting, owner, foregroundFinalizer);
}

/** An owner that leaves its dependents behind: they forget it before it goes. */
export async function orphanDependents(collecting: Collecting, owner: CachedObject): Promise<void> {
  await collecting.cache.sync();
  const uids = new Set([owner.object.metadata.uid ?? '']);
  for (const dependent of dependentsInReach(collecting, owner)) {
    const resource = resourceOfCollection(collecting.operations, dependent.collection);
    if (resource !== undefined) await dropReferences(collecting, { resource, item: dependent, uids });
  }
  await dropFinalizer(collecting, owner, orphanFinalizer);
}

/** A namespaced owner owns nothing in other namespaces, whatever is written there. */
function dependentsInReach(collecting: Collecting, owner: CachedObject): readonly CachedObject[] {
  const dependents = collecting.dependents.dependentsOf(owner.object.metadata.uid ?? '');
  return dependents.filter((dependent) => owner.namespace === '' || owner.namespace === dependent.namespace);
}

function blocks(dependent: KubeObject, uid: string): boolean {
  const references = dependent.metadata.ownerReferences ?? [];
  return references.some((reference) => reference.uid === uid && reference.blockOwnerDeletion === true);
}

async function dropReferences(
  collecting: Collecting,
  target: Target & { readonly uids: ReadonlySet<string> },
): Promise<void> {
  await changeReferences(collecting, target, (references) =>
    references.filter((reference) => !target.uids.has(reference.uid)),
  );
}

async function changeReferences(
  collecting: Collecting,
  target: Target,
  change: (references: readonly OwnerReference[]) => readonly OwnerReference[],
): Promise<void> {
  await collecting.operations.mutate(target.resource, target.item, (live) => {
    const references = live.metadata.ownerReferences ?? [];
    if (live.metadata.uid !== target.item.object.metadata.uid || references.length === 0) return undefined;
    const next = change(references);
    if (isEqual(next, references)) return undefined;
    const { ownerReferences: _old, ...metadata } = live.metadata;
    return { ...live, metadata: next.length === 0 ? metadata : { ...metadata, ownerReferences: next } };
  });
}

async function dropFinalizer(collecting: Collecting, owner: CachedObject, finalizer: string): Promise<void> {
  const resource = resourceOfCollection(collecting.operations, owner.collection);
  if (resource === undefined) return;
  await collecting.operations.mutate(resource, owner, (live) => {
    const { finalizers = [], uid } = live.metadata;
    if (uid !== owner.object.metadata.uid || !finalizers.includes(finalizer)) return undefined;
    const { finalizers: _old, ...metadata } = live.metadata;
    const others = finalizers.filter((other) => other !== finalizer);
    return { ...live, metadata: others.length === 0 ? metadata : { ...metadata, finalizers: others } };
  });
}
