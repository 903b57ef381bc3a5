import { rfc3339 } from '#runtime/base/clock.ts';
import type { ApiError } from '#runtime/base/errors.ts';
import { conflict, notFound, type NamedResource } from '#runtime/apiserver/http/api-errors.ts';
import type { DeleteRequest } from '#runtime/apiserver/operations.ts';
import { draftOf, finished, type Draft } from '#runtime/apiserver/registry/draft.ts';
import type { Resource } from '#runtime/apiserver/registry/resource.ts';
import type { Strategy } from '#runtime/apiserver/registry/strategy.ts';
import { toStored } from '#runtime/apiserver/registry/view.ts';
import { encodeStored } from '#runtime/storage/object-codec.ts';
import { objectKey } from '#runtime/storage/object-key.ts';
import type { KubeObject, Status } from '#schemas/meta/object.ts';
import { admitValidating } from './admit.ts';
import type { VerbContext } from './context.ts';
import { writtenAt } from './create-object.ts';
import { isUnchanged } from './field-managers.ts';
import { liveFromEntry, type Live } from './live-object.ts';
import { isHeld, readCached } from './update-object.ts';
import { admissionOf, type WriteRequest } from './write-request.ts';

/** What a deletion left: the object, marked, when something holds it; otherwise it is gone and this is what it was. */
export interface Deleted {
  readonly gone: boolean;
  readonly object: KubeObject;
}

const maxTries = 100;

/**
 * Deletes an object, or marks it when finalizers or the kind's own rules hold it. Asking again for one that is marked changes what becomes of its dependents.
 * Errors: 404; 409 for preconditions that do not hold.
 */
export async function deleteObject(
  context: VerbContext,
  write: WriteRequest,
  name: string,
  options: DeleteRequest,
): Promise<Deleted> {
  let live = readCached(context, write, name);
  let fresh = false;
  for (let attempt = 0; attempt < maxTries; attempt += 1) {
    if (live === undefined || (!fresh && !holds(options, live))) {
      if (fresh) throw notFound(write.resource.info, name);
      await context.cache.sync(context.signal);
      live = readCached(context, write, name);
      fresh = true;
      continue;
    }
    const tried = await tryDelete(context, { write, name, live }, options);
    if ('deleted' in tried) return tried.deleted;
    live = tried.live;
    fresh = true;
  }
  throw conflict(write.resource.info, name);
}

interface Attempt {
  readonly write: WriteRequest;
  readonly name: string;
  readonly live: Live;
}

async function tryDelete(
  context: VerbContext,
  attempt: Attempt,
  options: DeleteRequest,
): Promise<{ readonly deleted: Deleted } | { readonly live: Live | undefined }> {
  const { write, name, live } = attempt;
  const { resource } = write;
  requirePreconditions(resource, name, options, live);
  const request = admissionOf(write, { operation: 'delete', name, object: live.object, oldObject: live.object });
  await admitValidating(context.admission, { ...request, object: undefined });
  const next = marked(resource, live.object, options, context.clock.now());
  const gone = !isHeld(resource, next);
  if (!gone && next === live.object) return { deleted: { gone, object: live.object } };
  if (write.dryRun) return { deleted: { gone, object: gone ? live.object : next } };
  const key = objectKey(resource.info.collection, write.namespace, name);
  const stored = encodeStored(toStored(resource, next));
  const condition = { if: [{ key, revision: live.revision }] };
  const outcome = await context.store.commit(
    gone ? { ...condition, delete: [key] } : { ...condition, put: [{ key, value: stored }] },
  );
  if (!outcome.committed) {
    const entry = outcome.current.get(key);
    return { live: entry === undefined ? undefined : liveFromEntry(resource, entry) };
  }
  const { object } = writtenAt(resource, gone ? live.object : next, {
    stored,
    revision: outcome.revision,
    created: false,
  });
  return { deleted: { gone, object } };
}

/** The object as a deletion leaves it when it stays; the very object when it is marked already and nothing changes. */
function marked(resource: Resource, live: KubeObject, options: DeleteRequest, nowMs: number): KubeObject {
  const isMarked = live.metadata.deletionTimestamp !== undefined;
  // What is held by more than its finalizers waits for that first.
  if (isMarked && resource.strategy.isHeld?.(live) === true) return live;
  const draft = draftOf(live);
  const policy = resource.strategy.collected ? options.propagationPolicy : 'Background';
  const finalizers = finalizersFor(policy, live.metadata.finalizers ?? []);
  draft.metadata.finalizers = finalizers.length === 0 ? undefined : finalizers;
  draft.metadata.deletionGracePeriodSeconds = 0;
  if (!isMarked) mark(resource.strategy, draft, { live, nowMs });
  const next = finished(draft);
  return isUnchanged(live, next) ? live : next;
}

function mark(
  strategy: Strategy,
  draft: Draft,
  { live, nowMs }: { readonly live: KubeObject; readonly nowMs: number },
): void {
  const { metadata } = draft;
  metadata.deletionTimestamp = rfc3339(nowMs);
  if (strategy.markDeleted !== undefined) {
    metadata.deletionGracePeriodSeconds = undefined;
    strategy.markDeleted(draft, live);
  } else if (metadata.generation !== undefined && metadata.generation > 0) {
    // Whoever counts: a client may have given one to an object of a kind that does not.
    metadata.generation += 1;
  }
}

const policyFinalizers = { Foreground: 'foregroundDeletion', Orphan: 'orphan' } as const;

/** An explicit policy replaces what an earlier one left; garbage collection reads it from the finalizers. The very same when that is there already. */
function finalizersFor(policy: DeleteRequest['propagationPolicy'], finalizers: readonly string[]): readonly string[] {
  if (policy === undefined) return finalizers;
  const own: readonly string[] = policy === 'Background' ? [] : [policyFinalizers[policy]];
  const isOther = (finalizer: string): boolean => !Object.values<string>(policyFinalizers).includes(finalizer);
  const others = finalizers.filter(isOther);
  const isThere = others.length + own.length === finalizers.length && own.every((each) => finalizers.includes(each));
  return isThere ? finalizers : [...others, ...own];
}

function holds(options: DeleteRequest, live: Live): boolean {
  const { uid, resourceVersion } = options.preconditions ?? {};
  return (
    (uid === undefined || uid === live.object.metadata.uid) &&
    (resourceVersion === undefined || resourceVersion === String(live.revision))
  );
}

function requirePreconditions(resource: Resource, name: string, options: DeleteRequest, live: Live): void {
  const { uid, resourceVersion } = options.preconditions ?? {};
  const meta = live.object.metadata;
  if (uid !== undefined && uid !== meta.uid)
    throw preconditionFailed(resource, name, { what: 'UID', asked: uid, found: meta.uid ?? '' });
  if (resourceVersion !== undefined && resourceVersion !== String(live.revision))
    throw preconditionFailed(resource, name, {
      what: 'ResourceVersion',
      asked: resourceVersion,
      found: String(live.revision),
    });
}

interface Mismatch {
  readonly what: 'UID' | 'ResourceVersion';
  readonly asked: string;
  readonly found: string;
}

const suspicions = { UID: 'deleted and then recreated', ResourceVersion: 'modified' } as const;

function preconditionFailed({ strategy, info }: Resource, name: string, { what, asked, found }: Mismatch): ApiError {
  // What holds others has a deletion of its own in Kubernetes, with words of its own.
  if (strategy.markDeleted !== undefined)
    return conflict(
      info,
      name,
      `Precondition failed: ${what} in precondition: ${asked}, ${what} in object meta: ${found}`,
    );
  const named: NamedResource = strategy.faultsName ?? info;
  const why = `the ${what} in the precondition (${asked}) does not match the ${what} in record (${found}). The object might have been ${suspicions[what]}`;
  // Kubernetes names the kind here, where it names the resource elsewhere.
  return conflict({ ...named, resource: named.kind }, name, why);
}

/** What the wire answers for a deletion: the object while it stays (and for kinds that say so), else a Status that names what went. */
export function deletionAnswer(resource: Resource, deleted: Deleted): KubeObject | Omit<Status, 'code'> {
  if (!deleted.gone || resource.strategy.deletedAnswer === 'object') return deleted.object;
  const { group, resource: kind } = resource.info;
  const { name, uid } = deleted.object.metadata;
  return {
    kind: 'Status',
    apiVersion: 'v1',
    metadata: {},
    status: 'Success',
    details: { name, ...(group === '' ? {} : { group }), kind, ...(uid === undefined ? {} : { uid }) },
  };
}
