import { isMap } from '#runtime/apiserver/codec/exact-number.ts';
import type { Schema } from '#schemas/meta/schema.ts';
import { leaf, self } from './field-set.ts';
import type { FieldSet } from './field-set.ts';
import { itemElement } from './path-element.ts';
import { fieldsInScope, isInScope, isOwnedMetadata } from './scope.ts';
import type { Scope } from './scope.ts';
import { fieldSchema, isDeclared, isEmptyContainer, isGranularMap, isKeyedList, untyped } from './typed.ts';

/**
 * `all`: every node, containers too, as for a value that was not there before.
 * `applied`: what somebody who wrote this configuration means to own: leaves, list items, entries of maps – not the fields that merely lead there.
 */
export type CollectMode = 'all' | 'applied';

type Fields = Readonly<Record<string, unknown>>;
type Builder = Record<string, FieldSet>;

/** The fields of a whole object that can be owned. */
export function objectFields(
  object: Fields,
  root: Schema,
  options: { readonly mode: CollectMode; readonly scope: Scope },
): FieldSet | undefined {
  let fields: Builder | undefined;
  for (const field in object) {
    if (!isInScope(options.scope, field)) continue;
    const value = field === 'metadata' ? ownedMetadata(object[field]) : object[field];
    const below =
      field === 'metadata'
        ? metadataFields(value, root, options.mode)
        : fieldFields(value, root, { field, mode: options.mode });
    if (below !== undefined) (fields ??= {})[`f:${field}`] = below;
  }
  return fieldsInScope(options.scope, fields);
}

/** `metadata` without what cannot be owned. */
export function ownedMetadata(metadata: unknown): Fields {
  const owned: Record<string, unknown> = {};
  if (!isMap(metadata)) return owned;
  for (const field in metadata) if (isOwnedMetadata(field)) owned[field] = metadata[field];
  return owned;
}

function metadataFields(metadata: unknown, root: Schema, mode: CollectMode): FieldSet | undefined {
  const fields = isEmptyContainer(metadata)
    ? undefined
    : nodeFields(metadata, fieldSchema(root, 'metadata') ?? untyped, { mode, member: false });
  return fields;
}

/** The fields of a field, itself included where it counts; undefined when there is nothing to own. */
export function fieldFields(
  value: unknown,
  parent: Schema,
  place: { readonly field: string; readonly mode: CollectMode },
): FieldSet | undefined {
  if (value === undefined) return undefined;
  const { field, mode } = place;
  const schema = fieldSchema(parent, field) ?? untyped;
  const member =
    mode === 'all' || !isDeclared(parent, field) || value === null || (isMap(value) && isEmptyContainer(value));
  return nodeFields(value, schema, { mode, member });
}

/** The fields at and below a node; `member` says whether the node itself counts beside its children. */
export function nodeFields(
  value: unknown,
  schema: Schema,
  options: { readonly mode: CollectMode; readonly member: boolean },
): FieldSet | undefined {
  if (isMap(value) && isGranularMap(schema)) return mapFields(value, schema, options);
  if (Array.isArray(value) && isKeyedList(schema)) return listFields(value, schema, options);
  return leaf;
}

function mapFields(
  value: Fields,
  schema: Schema,
  options: { readonly mode: CollectMode; readonly member: boolean },
): FieldSet | undefined {
  let fields: Builder | undefined;
  for (const field in value) {
    const below = fieldFields(value[field], schema, { field, mode: options.mode });
    if (below !== undefined) (fields ??= {})[`f:${field}`] = below;
  }
  return finish(fields, options.member);
}

function listFields(
  items: readonly unknown[],
  schema: Schema,
  options: { readonly mode: CollectMode; readonly member: boolean },
): FieldSet | undefined {
  const itemSchema = schema.items ?? untyped;
  let fields: Builder | undefined;
  for (const item of items) {
    const element = itemElement(item, schema);
    // A list whose items cannot be told apart is owned as a whole.
    if (element === undefined) return leaf;
    fields ??= {};
    // Of items that stand twice, only the fact that they are there can be owned.
    const seen = fields[element] !== undefined;
    fields[element] = seen ? leaf : (nodeFields(item, itemSchema, { mode: options.mode, member: true }) ?? leaf);
  }
  return finish(fields, options.member);
}

function finish(fields: Builder | undefined, member: boolean): FieldSet | undefined {
  if (fields === undefined) return member ? leaf : undefined;
  if (member) fields[self] = leaf;
  return fields;
}
