import { isMap } from '#runtime/apiserver/codec/exact-number.ts';
import { setField } from '#runtime/apiserver/patch/set-field.ts';
import type { Schema } from '#schemas/meta/schema.ts';
import { nodeFields } from './collect.ts';
import { hasChildren, isMember } from './field-set.ts';
import type { FieldSet } from './field-set.ts';
import { itemElement } from './path-element.ts';
import { fieldSchema, isDeclared, isGranularMap, isKeyedList, untyped } from './typed.ts';

/** What an applier owned before (`last`), and what anybody owns now, the applier's new configuration included (`owned`). */
export interface PruneSets {
  readonly last: FieldSet | undefined;
  readonly owned: FieldSet | undefined;
}

type Fields = Readonly<Record<string, unknown>>;

/**
 * Takes out what an applier owned and no longer wants, unless somebody else owns it too. Fields that nobody owns stay, except inside what is taken out.
 * A container that loses everything goes, too, unless it is owned itself. Returns the very value when nothing is taken out.
 */
export function pruneValue(value: unknown, schema: Schema, sets: PruneSets): unknown {
  if (sets.last === undefined || !hasChildren(sets.last)) return value;
  if (isMap(value) && isGranularMap(schema)) return pruneMap(value, schema, sets);
  if (Array.isArray(value) && isKeyedList(schema)) return pruneList(value, schema, sets);
  return value;
}

function pruneMap(value: Fields, schema: Schema, sets: PruneSets): Fields | undefined {
  let changed = false;
  const kept: Record<string, unknown> = {};
  for (const field in value) {
    const before = value[field];
    const after = pruneChild(before, fieldSchema(schema, field) ?? untyped, {
      ...below(sets, `f:${field}`),
      declared: isDeclared(schema, field),
    });
    if (after !== before) changed = true;
    if (after !== undefined) setField(kept, field, after);
  }
  if (!changed) return value;
  return Object.keys(kept).length === 0 ? undefined : kept;
}

function pruneList(value: readonly unknown[], schema: Schema, sets: PruneSets): readonly unknown[] | undefined {
  const itemSchema = schema.items ?? untyped;
  const kept = value.flatMap((item) => {
    const element = itemElement(item, schema);
    if (element === undefined) return [item];
    const after = pruneChild(item, itemSchema, { ...below(sets, element), declared: false });
    return after === undefined ? [] : [after];
  });
  if (kept.length === value.length && kept.every((item, index) => item === value[index])) return value;
  return kept.length === 0 ? undefined : kept;
}

/**
 * A declared field is owned as soon as something below it is; entries of maps and items only when they are in the set themselves.
 * A container that loses everything stays, empty, when somebody owns the container itself: so does `env: {}` in place of what was applied before.
 */
function pruneChild(value: unknown, schema: Schema, sets: PruneSets & { readonly declared: boolean }): unknown {
  const { last, owned, declared } = sets;
  if (last === undefined) return value;
  if (isOwnedBy(last, declared) && !isOwnedBy(owned, declared)) return undefined;
  const after = pruneValue(value, schema, sets);
  if (after === undefined && isOwnedBy(owned, false)) return emptyLike(value);
  return after !== value && isBare(after, schema) ? undefined : after;
}

/** Whether there is nothing in a map that anybody could own, such as lists without items: it counts as one that lost everything. */
function isBare(value: unknown, schema: Schema): boolean {
  return isMap(value) && nodeFields(value, schema, { mode: 'applied', member: false }) === undefined;
}

function isOwnedBy(set: FieldSet | undefined, declared: boolean): boolean {
  return set !== undefined && (declared || isMember(set));
}

function emptyLike(value: unknown): unknown {
  return Array.isArray(value) ? [] : {};
}

function below(sets: PruneSets, element: string): PruneSets {
  return { last: sets.last?.[element], owned: sets.owned?.[element] };
}
