import { isMap } from '#runtime/apiserver/codec/exact-number.ts';
import type { Schema } from '#schemas/meta/schema.ts';
import { isHeld } from '#runtime/apiserver/builtin/schemas/held.ts';
import { metadataSchema } from '#runtime/apiserver/builtin/schemas/metadata.ts';
import { mergeKeyedLists, mergeSets, orderLike, withoutValues } from './strategic-lists.ts';
import { badPatch, deleteFromList, patchDirective, retainKeys, setElementOrder } from './strategic-directives.ts';
import { setField } from './set-field.ts';

type Fields = Readonly<Record<string, unknown>>;

/**
 * Kubernetes' strategic merge patch for the built-in kinds (API conventions, "Strategic Merge Patch"): like a merge patch, but lists whose schema says
 * `map` are merged item by item by their first key, and those that say `set` are united. Understands `$patch`, `$retainKeys`, `$setElementOrder/<list>`
 * and `$deleteFromPrimitiveList/<list>`. Neither argument is changed. Throws ApiError 400 for directives that make no sense.
 */
export function applyStrategicMergePatch(document: Fields, patch: Fields, schema: Schema): Fields {
  return mergeMaps(document, patch, { ...schema, properties: { ...schema.properties, metadata: metadataSchema } });
}

function mergeMaps(original: Fields, patch: Fields, schema: Schema | undefined): Fields {
  const kind = patch[patchDirective];
  if (kind === 'delete') return {};
  const start = kind === 'replace' ? {} : kept(original, patch);
  if (kind !== undefined && kind !== 'replace' && kind !== 'merge')
    throw badPatch(`unknown patch type: ${JSON.stringify(kind)} in map`);
  const merged: Record<string, unknown> = { ...start };
  deleteItems(merged, patch);
  for (const key of Object.keys(patch)) {
    if (key.startsWith('$')) continue;
    const before = Object.hasOwn(merged, key) ? merged[key] : undefined;
    const value = mergeValues(before, patch[key], childOf(schema, key));
    if (value === undefined) delete merged[key];
    else setField(merged, key, value);
  }
  orderItems(merged, original, { patch, schema });
  return merged;
}

/** Undefined: the field goes. */
function mergeValues(original: unknown, patch: unknown, schema: Schema | undefined): unknown {
  if (isMap(patch) && isMap(original)) return mergeMaps(original, patch, schema);
  if (Array.isArray(patch) && Array.isArray(original)) return mergeLists(original, patch, schema);
  return withoutDirectives(patch);
}

/** Where there is nothing to merge with, the patch is the value: no item needs a key, none is left out because it stands twice. */
function withoutDirectives(patch: unknown): unknown {
  if (Array.isArray(patch)) return patch.map(withoutDirectives).filter((item) => item !== undefined);
  if (!isMap(patch)) return patch ?? undefined;
  if (patch[patchDirective] !== undefined) return undefined;
  const plain: Record<string, unknown> = {};
  for (const key of Object.keys(patch)) {
    const value = key.startsWith('$') ? undefined : withoutDirectives(patch[key]);
    if (value !== undefined) setField(plain, key, value);
  }
  return plain;
}

function mergeLists(
  original: readonly unknown[],
  patch: readonly unknown[],
  schema: Schema | undefined,
): readonly unknown[] {
  const mergeKey = mergeKeyOf(schema);
  if (mergeKey === undefined && schema?.['x-kubernetes-list-type'] !== 'set') return patch;
  const items =
    mergeKey === undefined
      ? mergeSets(original, patch)
      : mergeKeyedLists(original, patch, { mergeKey, merge: (a, b) => mergeMaps(a, b, schema?.items) });
  return orderLike(items, { order: patch, before: original, mergeKey });
}

/** The field that tells the items of a list apart; undefined for lists that are not merged item by item. */
function mergeKeyOf(schema: Schema | undefined): string | undefined {
  if (schema === undefined || isHeld('replaced', schema)) return undefined;
  return schema['x-kubernetes-list-type'] === 'map' ? schema['x-kubernetes-list-map-keys']?.[0] : undefined;
}

/** The original, without the fields that `$retainKeys` does not list. */
function kept(original: Fields, patch: Fields): Fields {
  const keys = patch[retainKeys];
  if (keys === undefined) return original;
  if (!Array.isArray(keys)) throw badPatch('invalid patch format of retainKeys');
  const retained = new Set<unknown>(keys);
  const foreign = (key: string): boolean => !key.startsWith('$') && patch[key] !== null && !retained.has(key);
  if (Object.keys(patch).some(foreign)) throw badPatch('invalid patch format of retainKeys');
  return Object.fromEntries(Object.entries(original).filter(([key]) => retained.has(key)));
}

function deleteItems(merged: Record<string, unknown>, patch: Fields): void {
  for (const [list, values] of directives(patch, deleteFromList)) {
    if (!Array.isArray(values)) throw badPatch('invalid patch format of primitive list');
    const items = merged[list];
    if (Array.isArray(items)) setField(merged, list, withoutValues(items, values));
  }
}

function orderItems(
  merged: Record<string, unknown>,
  original: Fields,
  context: { readonly patch: Fields; readonly schema: Schema | undefined },
): void {
  for (const [list, order] of directives(context.patch, setElementOrder)) {
    const items = merged[list];
    const before = original[list];
    if (!Array.isArray(order)) throw badPatch('invalid patch format of setElementOrder list');
    if (!Array.isArray(items)) continue;
    const mergeKey = mergeKeyOf(childOf(context.schema, list));
    setField(merged, list, orderLike(items, { order, before: Array.isArray(before) ? before : [], mergeKey }));
  }
}

function directives(patch: Fields, prefix: string): readonly (readonly [string, unknown])[] {
  return Object.keys(patch)
    .filter((key) => key.startsWith(prefix))
    .map((key) => [key.slice(prefix.length), patch[key]]);
}

function childOf(schema: Schema | undefined, key: string): Schema | undefined {
  if (schema?.properties !== undefined && Object.hasOwn(schema.properties, key)) return schema.properties[key];
  return typeof schema?.additionalProperties === 'object' ? schema.additionalProperties : undefined;
}
