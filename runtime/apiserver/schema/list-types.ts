import { canonicalJson, isRecord } from '#runtime/base/json.ts';
import { duplicate, invalid } from '#runtime/validation/faults.ts';
import type { LocatedFault } from '#runtime/validation/fault-words.ts';
import { fieldPath, partOf, type FieldSegments } from '#runtime/validation/field-path.ts';
import type { Schema } from '#schemas/meta/schema.ts';
import { compileChecks, MAX_FAULTS, type Check } from './node-checks.ts';

/** What must be unique among the items of a list. */
interface Identity {
  textOf(item: unknown): string;
  /** As it stands in the fault. */
  printed(item: unknown): unknown;
  /** Only objects have keys. */
  readonly isMap: boolean;
}

/**
 * Uniqueness in lists of type `set` (whole items) and `map` (their keys, a missing one counting as null). One fault for each further
 * occurrence, at its index. Undefined when the schema has no such list.
 */
export function compileListTypes(schema: Schema): ((object: unknown) => readonly LocatedFault[]) | undefined {
  return compileChecks(schema, uniquenessOf);
}

/** The keys by which items of a list of type `map` are told apart, as text; undefined for other lists. */
export function mapKeyOf(schema: Schema): ((item: unknown) => string) | undefined {
  const keys = schema['x-kubernetes-list-map-keys'];
  if (schema['x-kubernetes-list-type'] !== 'map' || keys === undefined) return undefined;
  return (item) => textOfKeys(item, keys);
}

/** Keys are scalars; a list of them says all, and a single text, the usual case, needs no encoding. */
function textOfKeys(item: unknown, keys: readonly string[]): string {
  const [first] = keys;
  const only = keys.length === 1 && first !== undefined ? partOf(item, first) : undefined;
  return typeof only === 'string' ? `"${only}` : canonicalJson(keys.map((key) => partOf(item, key) ?? null));
}

function uniquenessOf(schema: Schema): Check | undefined {
  const identity = identityOf(schema);
  if (identity === undefined) return undefined;
  return (list, segments, faults) => {
    if (Array.isArray(list) && (list.length > 1 || identity.isMap)) findDuplicates(list, identity, segments, faults);
  };
}

function identityOf(schema: Schema): Identity | undefined {
  if (schema['x-kubernetes-list-type'] === 'set') {
    // A prefix keeps a text apart from the JSON of anything else.
    return {
      textOf: (item) => (typeof item === 'string' ? `"${item}` : canonicalJson(item)),
      printed: (item) => item,
      isMap: false,
    };
  }
  const textOf = mapKeyOf(schema);
  const keys = schema['x-kubernetes-list-map-keys'] ?? [];
  return textOf === undefined ? undefined : { textOf, printed: (item) => keysOf(item, keys), isMap: true };
}

function keysOf(item: unknown, keys: readonly string[]): Readonly<Record<string, unknown>> {
  const given = keys.map((key) => [key, partOf(item, key)] as const).filter(([, value]) => value !== undefined);
  return Object.fromEntries(given);
}

function findDuplicates(
  list: readonly unknown[],
  identity: Identity,
  segments: FieldSegments,
  faults: LocatedFault[],
): void {
  const seen = new Set<string>();
  for (const [index, item] of list.entries()) {
    if (identity.isMap && !isRecord(item)) {
      const why = 'must be an object for an array of list-type map';
      faults.push({ fault: invalid(fieldPath([...segments, index]), item, why), segments });
      continue;
    }
    const key = identity.textOf(item);
    if (seen.has(key) && faults.length < MAX_FAULTS) {
      // The place is the list: only a change of it makes a duplicate new.
      faults.push({ fault: duplicate(fieldPath([...segments, index]), identity.printed(item)), segments });
    }
    seen.add(key);
  }
}
