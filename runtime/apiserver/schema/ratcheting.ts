import { isEqual } from '#runtime/base/json.ts';
import type { LocatedFault } from '#runtime/validation/fault-words.ts';
import { partOf, type FieldSegments } from '#runtime/validation/field-path.ts';
import type { Schema } from '#schemas/meta/schema.ts';
import { mapKeyOf } from './list-types.ts';

/**
 * Leaves out the faults of parts that an update does not touch (KEP-4008, validation ratcheting): an object that became invalid when its
 * schema was tightened can still be changed elsewhere. Items of lists of type `map` are compared with the old item of the same keys; of any other list the whole is compared.
 */
export function withoutUnchanged(
  faults: readonly LocatedFault[],
  change: { readonly schema: Schema; readonly object: unknown; readonly old: unknown },
): readonly LocatedFault[] {
  return faults.filter(({ segments }) => !isUnchanged(segments, change));
}

function isUnchanged(
  segments: FieldSegments,
  change: { readonly schema: Schema; readonly object: unknown; readonly old: unknown },
): boolean {
  let schema: Schema | undefined = change.schema;
  let current = change.object;
  let old = change.old;
  for (const segment of segments) {
    const part = partOf(current, segment);
    if (typeof segment === 'number') {
      const previous = correlatedItem(schema, part, old);
      if (previous === undefined) return isEqual(current, old);
      old = previous;
    } else {
      old = partOf(old, segment);
    }
    if (old === undefined) return false;
    schema = childSchema(schema, segment);
    current = part;
  }
  return isEqual(current, old);
}

/** The item of an old list that has the same keys; undefined when there is none or the list has no keys. */
function correlatedItem(schema: Schema | undefined, item: unknown, oldList: unknown): unknown {
  const keyOf = schema === undefined ? undefined : mapKeyOf(schema);
  if (keyOf === undefined || !Array.isArray(oldList)) return undefined;
  const key = keyOf(item);
  return (oldList as readonly unknown[]).find((candidate) => keyOf(candidate) === key);
}

function childSchema(schema: Schema | undefined, segment: string | number): Schema | undefined {
  if (typeof segment === 'number') return schema?.items;
  const properties = schema?.properties;
  if (properties !== undefined && Object.hasOwn(properties, segment)) return properties[segment];
  return typeof schema?.additionalProperties === 'object' ? schema.additionalProperties : undefined;
}
