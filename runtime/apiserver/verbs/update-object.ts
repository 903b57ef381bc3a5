import { isEqual } from '#runtime/base/json.ts';
import { ApiError } from '#runtime/base/errors.ts';
import { conflict, invalid, notFound } from '#runtime/apiserver/http/api-errors.ts';
import { draftOf, finished, type Draft } from '#runtime/apiserver/registry/draft.ts';
import { finalizerWarnings, uniqueOwners } from '#runtime/apiserver/registry/metadata-rules.ts';
import { invalidValue } from '#runtime/apiserver/registry/names.ts';
import type { Resource } from '#runtime/apiserver/registry/resource.ts';
import { toStored, wireOf } from '#runtime/apiserver/registry/view.ts';
import { encodeStored } from '#runtime/storage/object-codec.ts';
import { objectKey } from '#runtime/storage/object-key.ts';
import type { KubeObject } from '#schemas/meta/object.ts';
import { admitMutating, admitValidating } from './admit.ts';
import type { VerbContext } from './context.ts';
import { completed, requireValid, tellOfKind, tellOfOwners, writtenAt } from './create-object.ts';
import { isUnchanged, trackChange } from './field-managers.ts';
import { parseRevision } from './list-options.ts';
import { liveFromEntry, liveOf, type Live } from './live-object.ts';
import { admissionOf, type WriteRequest, type Written } from './write-request.ts';

/** What a write makes of the live object: `managed` when its managedFields are final already (apply), `whole` when the client sent it all (PUT); undefined leaves it as it is. */
export type Change = (
  live: KubeObject,
) => { readonly object: KubeObject; readonly managed?: boolean; readonly whole?: boolean } | undefined;

/** Comparisons lost in a row before the writer is told of a conflict. */
const maxTries = 100;

/**
 * Changes the object `name`: reads it from the cache, computes, and commits under the condition that it still is what was read.
 *
 * Guarantees: `change` sees the newest object in the end. A refusal or a "nothing to do" that came from a cached object is decided again on what the
 * store has now, so a lagging cache never shows. Nothing is written, and no event is sent, when the outcome equals what is there.
 * Errors: 404; whatever `change`, admission or validation refuse; 409 when others are always faster.
 */
export async function updateObject(
  context: VerbContext,
  write: WriteRequest,
  name: string,
  change: Change,
): Promise<Written> {
  const { resource } = write;
  let live = readCached(context, write, name);
  let fresh = false;
  for (let attempt = 0; attempt < maxTries; attempt += 1) {
    const tried = live === undefined ? undefined : await tryUpdate(context, { write, name, live, change }, fresh);
    if (tried !== undefined && tried !== 'stale') {
      if ('written' in tried) return tried.written;
      live = tried.live;
      fresh = true;
      continue;
    }
    if (fresh) throw notFound(resource.info, name);
    await context.cache.sync(context.signal);
    live = readCached(context, write, name);
    fresh = true;
  }
  throw conflict(resource.info, name);
}

/** The object as the cache has it. */
export function readCached(context: VerbContext, write: WriteRequest, name: string): Live | undefined {
  const cached = context.cache.get(write.resource.info.collection, write.namespace, name);
  return cached === undefined ? undefined : liveOf(write.resource, cached);
}

interface Attempt {
  readonly write: WriteRequest;
  readonly name: string;
  readonly live: Live;
  readonly change: Change;
}

type Tried = { readonly written: Written } | { readonly live: Live | undefined } | 'stale';

/** One round. `stale` asks for a fresh object before the outcome counts. */
async function tryUpdate(context: VerbContext, attempt: Attempt, fresh: boolean): Promise<Tried> {
  const { write, live, change } = attempt;
  let next: KubeObject;
  try {
    const changed = change(live.object);
    if (changed === undefined) return fresh ? { written: unchanged(write.resource, live) } : 'stale';
    next = await prepared(context, attempt, changed);
  } catch (err) {
    if (fresh || !(err instanceof ApiError)) throw err;
    return 'stale';
  }
  const isGone = next.metadata.deletionTimestamp !== undefined && !isHeld(write.resource, next);
  if (!isGone && isUnchanged(live.object, next)) return fresh ? { written: unchanged(write.resource, live) } : 'stale';
  return commit(context, attempt, { next, stored: encodeStored(toStored(write.resource, next)), isGone });
}

/** Whether a deleted object stays for now. */
export function isHeld(resource: Resource, object: KubeObject): boolean {
  return (object.metadata.finalizers?.length ?? 0) > 0 || resource.strategy.isHeld?.(object) === true;
}

function unchanged(resource: Resource, live: Live): Written {
  const isWire = resource.conversion === undefined && live.bytes.indexOf(resource.opening) === 0;
  return { object: live.object, bytes: isWire ? live.bytes : wireOf(live.object, live.revision), created: false };
}

async function commit(
  context: VerbContext,
  { write, name, live }: Attempt,
  outcomeOf: { readonly next: KubeObject; readonly stored: Buffer; readonly isGone: boolean },
): Promise<Tried> {
  const { resource } = write;
  const { next, stored, isGone } = outcomeOf;
  const key = objectKey(resource.info.collection, write.namespace, name);
  if (write.dryRun) return { written: writtenAt(resource, next, { stored, revision: live.revision, created: false }) };
  const condition = { if: [{ key, revision: live.revision }] };
  const { ttlSeconds } = resource.strategy;
  const outcome = await context.store.commit(
    isGone
      ? { ...condition, delete: [key] }
      : { ...condition, put: [{ key, value: stored, ...(ttlSeconds === undefined ? {} : { ttlSeconds }) }] },
  );
  // What is gone by this change is answered as it was when it went, in the version that it had.
  const at = { stored, revision: isGone ? live.revision : outcome.revision, created: false };
  if (outcome.committed)
    return { written: { ...writtenAt(resource, next, at), ...(isGone ? { goneAt: outcome.revision } : {}) } };
  const entry = outcome.current.get(key);
  return { live: entry === undefined ? undefined : liveFromEntry(resource, entry) };
}

/** The candidate with everything restored that a client cannot change, admitted and valid. */
async function prepared(
  context: VerbContext,
  { write, name, live }: Attempt,
  changed: NonNullable<ReturnType<Change>>,
): Promise<KubeObject> {
  const { resource } = write;
  requireSameObject(resource, changed, live);
  const draft = draftOf(changed.object);
  restoreSystemFields(draft, live.object);
  const { ownerReferences } = draft.metadata;
  if (changed.whole !== true) tellOfOwners(write, changed.object, ' after mutating admission happens');
  if (ownerReferences !== undefined) draft.metadata.ownerReferences = uniqueOwners(ownerReferences);
  const scoped = inSubresource(write, draft, live.object);
  countGeneration(resource, scoped, live.object);
  const object = finished(scoped);
  const request = admissionOf(write, { operation: 'update', name, object, oldObject: live.object });
  const mutated = await admitMutating(context.admission, request);
  requireValid(resource, mutated, { old: live.object, subresource: write.subresource });
  tellOfKind(write, mutated, live.object);
  if (resource.custom && write.subresource === '')
    for (const warning of finalizerWarnings(mutated.metadata, live.object.metadata)) write.warn(warning);
  await admitValidating(context.admission, mutated === object ? request : { ...request, object: mutated });
  const tracked = changed.managed === true ? mutated : trackChange(context, write, live.object, mutated);
  return completed(tracked, resource.strategy.completeUpdate);
}

/** The resourceVersion that a client sent is a condition, and so is the uid of an object that is sent as a whole. */
function requireSameObject(resource: Resource, changed: NonNullable<ReturnType<Change>>, live: Live): void {
  const { uid, resourceVersion, name } = changed.object.metadata;
  if (changed.whole === true && uid !== undefined && uid !== '' && uid !== live.object.metadata.uid) {
    const why = `Precondition failed: UID in precondition: ${uid}, UID in object meta: ${live.object.metadata.uid ?? ''}`;
    throw conflict(resource.info, name, why);
  }
  const revision = parseRevision(resourceVersion ?? null) ?? 0;
  if (revision !== 0 && revision !== live.revision) throw conflict(resource.info, name);
}

/** Kinds that are never replaced blindly need the version that the client has seen. */
export function requireVersion(resource: Resource, object: KubeObject): void {
  const { resourceVersion, name } = object.metadata;
  if (resource.strategy.unconditionalUpdate || !/^0*$/u.test(resourceVersion ?? '')) return;
  // Kubernetes names the resource here, where it names the kind elsewhere.
  throw invalid({ ...resource.info, kind: resource.info.resource }, name, [
    invalidValue('metadata.resourceVersion', 0, 'must be specified for an update'),
  ]);
}

function restoreSystemFields(draft: Draft, live: KubeObject): void {
  const { metadata } = draft;
  metadata.name = live.metadata.name;
  metadata.namespace = live.metadata.namespace;
  if (metadata.uid === undefined || metadata.uid === '') metadata.uid = live.metadata.uid;
  metadata.creationTimestamp = live.metadata.creationTimestamp;
  metadata.generation = live.metadata.generation;
  if (live.metadata.deletionTimestamp !== undefined) metadata.deletionTimestamp = live.metadata.deletionTimestamp;
  metadata.deletionGracePeriodSeconds ??= live.metadata.deletionGracePeriodSeconds;
  metadata.resourceVersion = live.metadata.resourceVersion;
}

/** A write of the object leaves its status alone; a write of a subresource takes over its own part only. */
function inSubresource(write: WriteRequest, draft: Draft, live: KubeObject): Draft {
  const { strategy } = write.resource;
  const take = strategy.parts?.[write.subresource] ?? (write.subresource === 'status' ? takeStatus : undefined);
  if (take !== undefined) {
    const kept = draftOf(live);
    if (strategy.isMetadataInParts === true) kept.metadata = draft.metadata;
    else kept.metadata.managedFields = draft.metadata.managedFields;
    take(kept, finished(draft));
    return kept;
  }
  if (strategy.status) {
    if (live['status'] === undefined) delete draft['status'];
    else draft['status'] = live['status'];
  }
  strategy.prepareUpdate?.(draft, live);
  return draft;
}

function takeStatus(kept: Draft, { status }: KubeObject): void {
  if (status === undefined) delete kept['status'];
  else kept['status'] = status;
}

function countGeneration(resource: Resource, draft: Draft, live: KubeObject): void {
  if (!resource.strategy.generation || isDesiredEqual(draft, live, resource.strategy.status)) return;
  draft.metadata.generation = (live.metadata.generation ?? 0) + 1;
}

/** Equal in everything but metadata, and but the status where that is a subresource. */
function isDesiredEqual(draft: Draft, live: KubeObject, hasStatus: boolean): boolean {
  const fields = new Set([...Object.keys(draft), ...Object.keys(live)]);
  fields.delete('metadata');
  if (hasStatus) fields.delete('status');
  for (const field of fields) if (draft[field] !== live[field] && !isEqual(draft[field], live[field])) return false;
  return true;
}
