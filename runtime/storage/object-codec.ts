import { HostError } from '#runtime/base/errors.ts';
import type { KubeObject, ObjectMeta } from '#schemas/meta/object.ts';

/**
 * How objects are spelled in the store and on the wire.
 *
 * Stored: `{"apiVersion":…,"kind":…,"metadata":{` first, then metadata in a fixed order without resourceVersion, then the other fields in
 * the order they have. On the wire: the same bytes with `"resourceVersion":"<revision>",` put in right after `"metadata":{`. So bytes go
 * from the store to a client without being parsed, and whatever a number looked like when it was stored, it looks like for ever.
 */
const metadataMark = Buffer.from('"metadata":{');
const objectMark = Buffer.from('{"apiVersion":"');
const revisionMark = '"resourceVersion":"';
const closingBrace = 0x7d;
const quotationMark = 0x22;
const comma = 0x2c;

/** Text of a value. One that keeps exact numbers is the caller's to bring; `JSON.stringify` by default. */
export type Stringify = (value: unknown) => string;

/** The bytes under which an object is stored; equal objects with equal field order give equal bytes. `metadata.resourceVersion` is left out. */
export function encodeStored(object: KubeObject, stringify: Stringify = JSON.stringify): Buffer {
  const { apiVersion, kind, metadata, ...rest } = object;
  return Buffer.from(stringify({ apiVersion, kind, metadata: orderedMetadata(metadata), ...rest }));
}

function orderedMetadata(metadata: ObjectMeta): Record<string, unknown> {
  const {
    name,
    generateName,
    namespace,
    uid,
    resourceVersion: _resourceVersion,
    generation,
    creationTimestamp,
    deletionTimestamp,
    deletionGracePeriodSeconds,
    labels,
    annotations,
    ownerReferences,
    finalizers,
    managedFields,
    ...unknown
  } = metadata;
  return {
    name,
    generateName,
    namespace,
    uid,
    generation,
    creationTimestamp,
    deletionTimestamp,
    deletionGracePeriodSeconds,
    labels,
    annotations,
    ownerReferences,
    finalizers,
    ...unknown,
    managedFields,
  };
}

/** Stored bytes as a client sees them at `revision`; undefined when they are not an object in our spelling. */
export function wireBytes(stored: Buffer, revision: number): Buffer | undefined {
  if (!startsWith(stored, objectMark)) return undefined;
  const mark = stored.indexOf(metadataMark);
  if (mark === -1) return undefined;
  const start = mark + metadataMark.length;
  const separator = stored[start] === closingBrace ? '"' : '",';
  const inserted = `${revisionMark}${revision}${separator}`;
  // Memory of its own: a slice of a shared pool would hold its neighbours' memory for as long as the cache holds the object.
  const wire = Buffer.allocUnsafeSlow(stored.length + inserted.length);
  stored.copy(wire, 0, 0, start);
  wire.write(inserted, start, 'latin1');
  stored.copy(wire, start + inserted.length, start);
  return wire;
}

/** The inverse of `wireBytes`: what is in the store under these wire bytes. */
export function storedBytes(wire: Buffer): Buffer {
  const { start, end } = revisionSpan(wire);
  return Buffer.concat([wire.subarray(0, start), wire.subarray(end)], wire.length - (end - start));
}

/** Whether writing `stored` would change nothing about the object with these wire bytes. Copies nothing. */
export function isSameStored(wire: Buffer, stored: Buffer): boolean {
  const { start, end } = revisionSpan(wire);
  if (wire.length - (end - start) !== stored.length) return false;
  return wire.compare(stored, start, stored.length, end) === 0 && wire.compare(stored, 0, start, 0, start) === 0;
}

function revisionSpan(wire: Buffer): { readonly start: number; readonly end: number } {
  const start = wire.indexOf(metadataMark) + metadataMark.length;
  const quote = wire.indexOf(quotationMark, start + revisionMark.length);
  return { start, end: wire[quote + 1] === comma ? quote + 2 : quote + 1 };
}

/** The object and its wire bytes from what a read of `key` gave. HostError when the value is not an object in our spelling. */
export function decodeStored(
  key: string,
  stored: Buffer,
  revision: number,
): { readonly object: KubeObject; readonly bytes: Buffer } {
  const bytes = wireBytes(stored, revision);
  if (bytes === undefined) throw new HostError(`the value stored under ${key} is not an object`, { path: key });
  return { object: parseObject(bytes), bytes };
}

/** Parses wire bytes without regard for numbers that JavaScript cannot hold. */
export function parseObject(bytes: Buffer): KubeObject {
  return JSON.parse(bytes.toString('utf8')) as KubeObject;
}

function startsWith(bytes: Buffer, start: Buffer): boolean {
  return bytes.length >= start.length && bytes.compare(start, 0, start.length, 0, start.length) === 0;
}
