import { isMap } from '#runtime/apiserver/codec/exact-number.ts';
import type { Schema } from '#schemas/meta/schema.ts';
import { fieldFields, nodeFields, ownedMetadata } from './collect.ts';
import { leaf } from './field-set.ts';
import type { FieldSet } from './field-set.ts';
import { itemElement } from './path-element.ts';
import { fieldsInScope, isInScope } from './scope.ts';
import type { Scope } from './scope.ts';
import { fieldSchema, isEmptyContainer, isGranularMap, isKeyedList, isSameJson, untyped } from './typed.ts';

/** What a write did: fields whose value changed or that came, and fields that went. */
export interface Changes {
  readonly touched: FieldSet | undefined;
  readonly removed: FieldSet | undefined;
}

type Fields = Readonly<Record<string, unknown>>;

const nothing: Fields = Object.freeze({});

interface MutableChanges {
  touched: Record<string, FieldSet> | undefined;
  removed: Record<string, FieldSet> | undefined;
}

/** Compares two states of an object, in one walk; parts that both share by reference are not looked at. */
export function compareObjects(
  before: Fields,
  after: Fields,
  options: { readonly root: Schema; readonly scope: Scope },
): Changes {
  const changes: MutableChanges = { touched: undefined, removed: undefined };
  for (const field in after)
    if (isInScope(options.scope, field)) compareTop(before, after, { ...options, field, changes });
  for (const field in before) {
    const gone = isInScope(options.scope, field) && valueAt(after, field) === undefined;
    if (gone) compareTop(before, after, { ...options, field, changes });
  }
  return {
    touched: fieldsInScope(options.scope, changes.touched),
    removed: fieldsInScope(options.scope, changes.removed),
  };
}

function compareTop(
  before: Fields,
  after: Fields,
  place: { readonly root: Schema; readonly field: string; readonly changes: MutableChanges },
): void {
  const { root, field, changes } = place;
  const old = valueAt(before, field);
  const now = valueAt(after, field);
  if (old === now) return;
  if (field === 'metadata') {
    const schema = fieldSchema(root, field) ?? untyped;
    note(changes, 'f:metadata', compareMaps(ownedMetadata(old), ownedMetadata(now), schema));
  } else {
    compareField(changes, { field, old, now }, root);
  }
}

function compareField(
  changes: MutableChanges,
  part: { readonly field: string; readonly old: unknown; readonly now: unknown },
  parent: Schema,
): void {
  const { field, old, now } = part;
  const element = `f:${field}`;
  if (old === now) return;
  if (old === undefined) (changes.touched ??= {})[element] = fieldFields(now, parent, { field, mode: 'all' }) ?? leaf;
  else if (now === undefined)
    (changes.removed ??= {})[element] = fieldFields(old, parent, { field, mode: 'all' }) ?? leaf;
  else note(changes, element, compareNodes(old, now, fieldSchema(parent, field) ?? untyped));
}

function note(changes: MutableChanges, element: string, below: Changes | undefined): void {
  if (below?.touched !== undefined) (changes.touched ??= {})[element] = below.touched;
  if (below?.removed !== undefined) (changes.removed ??= {})[element] = below.removed;
}

/** Undefined when nothing changed. Null counts as the empty container when the other value is a container with content. */
function compareNodes(old: unknown, now: unknown, schema: Schema): Changes | undefined {
  const isContent = !isHollow(old) || !isHollow(now);
  if (isContent && isGranularMap(schema) && isMapOrNull(old) && isMapOrNull(now)) return compareMaps(old, now, schema);
  return isContent && isKeyedList(schema) ? compareListNodes(old, now, schema) : compareLeaves(old, now, schema);
}

function compareListNodes(old: unknown, now: unknown, schema: Schema): Changes | undefined {
  if (!isListOrNull(old) || !isListOrNull(now)) return compareLeaves(old, now, schema);
  return compareLists(old ?? [], now ?? [], schema);
}

function compareLeaves(old: unknown, now: unknown, schema: Schema): Changes | undefined {
  return isSameJson(old, now) ? undefined : replaced(old, now, schema);
}

/** One value for another of a different form: the node changed, what lay below it is gone, what lies below it now is new. */
function replaced(old: unknown, now: unknown, schema: Schema): Changes {
  const gone = nodeFields(old, schema, { mode: 'all', member: false });
  return {
    touched: nodeFields(now, schema, { mode: 'all', member: true }) ?? leaf,
    removed: gone === leaf ? undefined : gone,
  };
}

function compareMaps(old: Fields | null, now: Fields | null, schema: Schema): Changes | undefined {
  const before = old ?? nothing;
  const after = now ?? nothing;
  const changes: MutableChanges = { touched: undefined, removed: undefined };
  for (const field in after) {
    const value = after[field];
    if (value !== undefined) compareField(changes, { field, old: valueAt(before, field), now: value }, schema);
  }
  for (const field in before) {
    const value = before[field];
    if (value !== undefined && valueAt(after, field) === undefined)
      compareField(changes, { field, old: value, now: undefined }, schema);
  }
  return changes.touched === undefined && changes.removed === undefined ? undefined : changes;
}

function compareLists(before: readonly unknown[], after: readonly unknown[], schema: Schema): Changes | undefined {
  const old = indexItems(before, schema);
  const now = indexItems(after, schema);
  if (old === undefined || now === undefined)
    return isSameJson(before, after) ? undefined : { touched: leaf, removed: undefined };
  const changes: MutableChanges = { touched: undefined, removed: undefined };
  for (const [element, items] of now)
    compareItems(changes, { element, old: old.get(element) ?? [], now: items }, schema);
  for (const [element, items] of old)
    if (!now.has(element)) compareItems(changes, { element, old: items, now: [] }, schema);
  return changes.touched === undefined && changes.removed === undefined ? undefined : changes;
}

/** Items that stand twice are one value; when an item becomes one of several, or the only one again, its fields change hands. */
function compareItems(
  changes: MutableChanges,
  part: { readonly element: string; readonly old: readonly unknown[]; readonly now: readonly unknown[] },
  schema: Schema,
): void {
  const { element, old, now } = part;
  const itemSchema = schema.items ?? untyped;
  if (old.length === 1 && now.length === 1) {
    note(changes, element, compareNodes(old[0], now[0], itemSchema));
  } else if (old.length > 1 && now.length > 1) {
    note(changes, element, isSameJson(old, now) ? undefined : { touched: leaf, removed: undefined });
  } else {
    note(changes, element, { touched: itemsFields(now, itemSchema), removed: itemsFields(old, itemSchema) });
  }
}

function itemsFields(items: readonly unknown[], schema: Schema): FieldSet | undefined {
  if (items.length === 0) return undefined;
  return items.length > 1 ? leaf : (nodeFields(items[0], schema, { mode: 'all', member: true }) ?? leaf);
}

function indexItems(items: readonly unknown[], schema: Schema): ReadonlyMap<string, readonly unknown[]> | undefined {
  const index = new Map<string, unknown[]>();
  for (const item of items) {
    const element = itemElement(item, schema);
    if (element === undefined) return undefined;
    const known = index.get(element);
    if (known === undefined) index.set(element, [item]);
    else known.push(item);
  }
  return index;
}

function valueAt(fields: Fields, field: string): unknown {
  return Object.hasOwn(fields, field) ? fields[field] : undefined;
}

function isMapOrNull(value: unknown): value is Fields | null {
  return value === null || isMap(value);
}

function isListOrNull(value: unknown): value is readonly unknown[] | null {
  return value === null || Array.isArray(value);
}

function isHollow(value: unknown): boolean {
  return value === null || isEmptyContainer(value);
}
