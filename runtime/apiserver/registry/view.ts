import type { CachedObject } from '#runtime/storage/cache.ts';
import { isEqual } from '#runtime/base/json.ts';
import { encodeStored, wireBytes } from '#runtime/storage/object-codec.ts';
import type { KubeObject } from '#schemas/meta/object.ts';
import type { Resource, View } from './resource.ts';

/**
 * A cached object in the version and schema of `resource`: the cached object itself in the common case, so that its stored bytes are what goes
 * on the wire. An object of another version, or older than the schema, is converted, pruned and defaulted once, and remembered as long as it stays parsed.
 */
export function viewOf(resource: Resource, cached: CachedObject): View {
  if (isSettled(resource, cached)) return cached;
  const known = resource.views.get(cached.object);
  if (known !== undefined) return known;
  const view = convert(resource, cached);
  resource.views.set(cached.object, view);
  return view;
}

function isSettled(resource: Resource, cached: CachedObject): boolean {
  if (resource.conversion !== undefined || cached.revision < resource.settledRevision) return false;
  if (!resource.mixed) return true;
  const { opening } = resource;
  return (
    cached.bytes.length >= opening.length && cached.bytes.compare(opening, 0, opening.length, 0, opening.length) === 0
  );
}

/** The bytes that `isSettled` looks for. Looking at bytes spares parsing every object of a list. */
export function openingOf(apiVersion: string, kind: string): Buffer {
  return Buffer.from(`{"apiVersion":${JSON.stringify(apiVersion)},"kind":${JSON.stringify(kind)},`);
}

function convert(resource: Resource, cached: CachedObject): View {
  const object = fromStored(resource, cached.object);
  if (isEqual(object, cached.object)) return cached;
  return { object, bytes: wireOf(object, cached.revision) };
}

/** A stored object in the version and schema of `resource`. */
export function fromStored(resource: Resource, stored: KubeObject): KubeObject {
  if (resource.conversion !== undefined) return resource.conversion.fromStored(stored);
  const renamed = stored.apiVersion === resource.apiVersion ? stored : { ...stored, apiVersion: resource.apiVersion };
  return resource.custom ? resource.schema.applyDefaults(resource.schema.prune(renamed).object) : renamed;
}

/** The inverse: what is written to the store. */
export function toStored(resource: Resource, object: KubeObject): KubeObject {
  if (resource.conversion !== undefined) return resource.conversion.toStored(object);
  return object.apiVersion === resource.storedApiVersion
    ? object
    : { ...object, apiVersion: resource.storedApiVersion };
}

/** An object as it goes on the wire at `revision`. */
export function wireOf(object: KubeObject, revision: number): Buffer {
  const stored = encodeStored(object);
  return wireBytes(stored, revision) ?? stored;
}
