import { isRecord } from '#runtime/base/json.ts';
import type { KubeObject } from '#schemas/meta/object.ts';

/** A field of an object as a record; empty when it is none. */
export function recordAt(object: Readonly<Record<string, unknown>>, field: string): Readonly<Record<string, unknown>> {
  const value = object[field];
  return isRecord(value) ? value : {};
}

/** A text below the root of an object by its field names; empty when there is none. */
export function textAt(object: KubeObject, ...path: readonly string[]): string {
  let value: unknown = object;
  for (const field of path) value = isRecord(value) ? value[field] : undefined;
  return typeof value === 'string' ? value : '';
}

/** A field selector over a text field. */
export function textReader(...path: readonly string[]): (object: KubeObject) => string {
  return (object) => textAt(object, ...path);
}
