import { HostError } from '#runtime/base/errors.ts';
import { parseJson } from '#runtime/apiserver/codec/json.ts';
import type { Resource } from '#runtime/apiserver/registry/resource.ts';
import { fromStored } from '#runtime/apiserver/registry/view.ts';
import type { CachedObject } from '#runtime/storage/cache.ts';
import { wireBytes } from '#runtime/storage/object-codec.ts';
import { parseObjectKey } from '#runtime/storage/object-key.ts';
import type { Entry } from '#runtime/storage/store.ts';
import type { KubeObject } from '#schemas/meta/object.ts';

/** The object that a write starts from. */
export interface Live {
  /** In the version and schema of the resource. */
  readonly object: KubeObject;
  /** As it is stored, on the wire. */
  readonly bytes: Buffer;
  readonly revision: number;
}

/** A cached object as the start of a write. */
export function liveOf(resource: Resource, cached: Pick<CachedObject, 'object' | 'bytes' | 'revision'>): Live {
  return { object: fromStored(resource, cached.object), bytes: cached.bytes, revision: cached.revision };
}

/** The same from what a lost comparison told. */
export function liveFromEntry(resource: Resource, entry: Entry): Live {
  return liveOf(resource, cachedFromEntry(entry));
}

/** A stored entry in the shape of the cache, for reads of old revisions. HostError when it is not an object of ours. */
export function cachedFromEntry(entry: Entry): CachedObject {
  const place = parseObjectKey(entry.key);
  const bytes = wireBytes(entry.value, entry.revision);
  if (place === undefined || bytes === undefined)
    throw new HostError(`the value stored under ${entry.key} is not an object`, { path: entry.key });
  return { ...place, revision: entry.revision, object: parseExactly(bytes), bytes };
}

/** Parses wire bytes so that writing the object again changes no number; what the watch cache should use. */
export function parseExactly(bytes: Buffer): KubeObject {
  return parseJson(bytes.toString('utf8')).value as KubeObject;
}
