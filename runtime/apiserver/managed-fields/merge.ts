import { isMap } from '#runtime/apiserver/codec/exact-number.ts';
import { setField } from '#runtime/apiserver/patch/set-field.ts';
import type { Schema } from '#schemas/meta/schema.ts';
import { itemElement } from './path-element.ts';
import { fieldSchema, isEmptyContainer, isGranularMap, isKeyedList, isSameJson, untyped } from './typed.ts';

type Fields = Readonly<Record<string, unknown>>;

/**
 * Lays an applied configuration over a live value: maps field by field, keyed lists item by item, everything else replaced.
 * Returns the very live value when nothing changes, and shares what did not change. Nulls of the configuration stay, except where they meet a container with content.
 */
export function mergeValues(live: unknown, config: unknown, schema: Schema): unknown {
  if (live === undefined || live === config) return config;
  if (isMap(live) && isGranularMap(schema) && !isEmptyContainer(live)) {
    if (isMap(config)) return mergeMaps(live, config, schema);
    if (config === null) return live;
  }
  return mergeLeaves(live, config, schema);
}

function mergeLeaves(live: unknown, config: unknown, schema: Schema): unknown {
  if (Array.isArray(live) && isKeyedList(schema) && live.length > 0) {
    if (Array.isArray(config)) return mergeLists(live, config, schema);
    if (config === null) return live;
  }
  return isSameJson(live, config) ? live : config;
}

/** As mergeValues, for two maps. */
export function mergeMaps(live: Fields, config: Fields, schema: Schema): Fields {
  let merged: Record<string, unknown> | undefined;
  for (const field in config) {
    const value = config[field];
    if (value === undefined) continue;
    const before = Object.hasOwn(live, field) ? live[field] : undefined;
    const after = mergeValues(before, value, fieldSchema(schema, field) ?? untyped);
    if (after === before) continue;
    merged ??= { ...live };
    setField(merged, field, after);
  }
  return merged ?? live;
}

/**
 * The configuration rules the order of the items that both have; live items that it does not have keep their place between them.
 * Live items that stand twice are kept as they are unless the configuration has such an item: then it replaces them.
 */
function mergeLists(live: readonly unknown[], config: readonly unknown[], schema: Schema): readonly unknown[] {
  const keyOf = (item: unknown): string | undefined => itemElement(item, schema);
  const wanted = new Map(config.map((item) => [keyOf(item), item]));
  const present = new Map<string | undefined, unknown>();
  for (const item of live) present.set(keyOf(item), present.has(keyOf(item)) ? undefined : item);
  if (wanted.has(undefined)) return isSameJson(live, config) ? live : config;
  const order = [...wanted.keys()];
  const shared = order.filter((key) => present.has(key));
  const merged: unknown[] = [];
  let taken = 0;
  const take = (upTo: number): void => {
    for (; taken < upTo; taken += 1)
      merged.push(mergeValues(present.get(order[taken]), wanted.get(order[taken]), schema.items ?? untyped));
  };
  let nextShared = 0;
  for (const item of live) {
    const key = keyOf(item);
    if (key === undefined || !wanted.has(key)) {
      merged.push(item);
    } else if (key === shared[nextShared]) {
      take(order.indexOf(key, taken) + 1);
      nextShared += 1;
    }
  }
  take(order.length);
  return isSameList(live, merged) ? live : merged;
}

function isSameList(a: readonly unknown[], b: readonly unknown[]): boolean {
  return a.length === b.length && a.every((item, index) => item === b[index]);
}
