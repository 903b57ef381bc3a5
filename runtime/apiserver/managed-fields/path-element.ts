import { isMap } from '#runtime/apiserver/codec/exact-number.ts';
import { stringifyJson } from '#runtime/apiserver/codec/json.ts';
import { isHeld } from '#runtime/apiserver/builtin/schemas/held.ts';
import type { Schema } from '#schemas/meta/schema.ts';

/**
 * The element of an item in a list of type `map` (by its keys, schema defaults filling in) or `set` (by its value).
 * Undefined when the item cannot be told apart: a key is missing, a set holds something that is no scalar.
 */
export function itemElement(item: unknown, list: Schema): string | undefined {
  if (list['x-kubernetes-list-type'] === 'set')
    return typeof item === 'object' ? scalarObject(item) : `v:${stringifyJson(item)}`;
  const keys = list['x-kubernetes-list-map-keys'] ?? [];
  return isMap(item) && keys.length > 0 ? keyElement(item, keys, list) : undefined;
}

function keyElement(
  item: Readonly<Record<string, unknown>>,
  keys: readonly string[],
  list: Schema,
): string | undefined {
  let text = '';
  // A key that is missing beside others is no part of the element.
  for (const key of keys.length === 1 ? keys : keys.toSorted()) {
    const value = keyValue(item, key, list);
    if (value === undefined) continue;
    text += `${text === '' ? '' : ','}${stringifyJson(key)}:${stringifyJson(value)}`;
  }
  return text === '' ? undefined : `k:{${text}}`;
}

/** A path as Kubernetes prints it: `.spec.ports[port=80,protocol="TCP"].name`, `.metadata.finalizers[="a"]`. */
export function printPath(path: readonly string[]): string {
  return path.map(printElement).join('');
}

/** One element as Kubernetes prints it. */
export function printElement(element: string): string {
  const text = element.slice(2);
  if (element.startsWith('f:')) return `.${text}`;
  if (element.startsWith('v:')) return `[=${text}]`;
  if (element.startsWith('i:')) return `[${text}]`;
  const keys = JSON.parse(text) as Readonly<Record<string, unknown>>;
  const printed = Object.keys(keys).map((key) => `${key}=${stringifyJson(keys[key])}`);
  return `[${printed.join(',')}]`;
}

/** A key written in the one form that equal elements share; undefined when it is no path element. */
export function canonicalElement(element: string): string | undefined {
  const text = element.slice(2);
  if (element.startsWith('f:')) return element;
  if (element.startsWith('i:')) return /^\d+$/.test(text) ? element : undefined;
  try {
    if (element.startsWith('v:')) return `v:${stringifyJson(JSON.parse(text))}`;
    return element.startsWith('k:') ? canonicalKey(JSON.parse(text)) : undefined;
  } catch {
    return undefined;
  }
}

function canonicalKey(keys: unknown): string | undefined {
  if (!isMap(keys)) return undefined;
  const names = Object.keys(keys).toSorted();
  return `k:{${names.map((name) => `${stringifyJson(name)}:${stringifyJson(keys[name])}`).join(',')}}`;
}

function keyValue(item: Readonly<Record<string, unknown>>, key: string, list: Schema): unknown {
  const schema = list.items?.properties?.[key];
  return item[key] ?? schema?.default ?? (schema !== undefined && isHeld('always', schema) ? '' : undefined);
}

/** Numbers that keep their text are objects, too; null, lists and maps cannot be items of a set. */
function scalarObject(item: object | null): string | undefined {
  return item === null || Array.isArray(item) || isMap(item) ? undefined : `v:${stringifyJson(item)}`;
}
