import { isMap } from '#runtime/apiserver/codec/exact-number.ts';
import { childPath } from '#runtime/validation/field-path.ts';
import type { Schema } from '#schemas/meta/schema.ts';

/** An object without what its schema does not know. `object` is the very one given when nothing was removed. */
export interface Pruned<T> {
  readonly object: T;
  /** Paths of what was removed, in document order, at most a hundred of them. */
  readonly unknown: readonly string[];
}

type Record_ = Readonly<Record<string, unknown>>;

/** What is known at one place, whatever type a value there should have. `undefined` in its stead: everything below is kept. */
interface PruneNode {
  readonly properties: ReadonlyMap<string, PruneNode | undefined> | undefined;
  /** Values of keys that are not properties; undefined: such keys are unknown. */
  readonly others: { readonly node: PruneNode | undefined } | undefined;
  readonly items: PruneNode | undefined;
}

const MAX_TOLD = 100;
const RESOURCE_ROOT_FIELDS = ['apiVersion', 'kind', 'metadata'] as const;
const KNOWS_NOTHING: PruneNode = {
  properties: undefined,
  others: undefined,
  get items() {
    return KNOWS_NOTHING;
  },
};

/**
 * The pruning of structural schemas (CRD docs, "Field pruning"): fields that the schema does not name go, below `x-kubernetes-preserve-unknown-fields`
 * only those inside of specified fields. `apiVersion`, `kind` and `metadata` of the object itself and of embedded resources are left alone.
 */
export function compilePruner(schema: Schema): <T extends object>(object: T) => Pruned<T> {
  const root = withResourceFields(nodeOf(schema) ?? KNOWS_NOTHING);
  return (object) => {
    if (!hasUnknown(object, root)) return { object, unknown: [] };
    const unknown: string[] = [];
    return { object: prune(object, root, '', unknown) as typeof object, unknown };
  };
}

function nodeOf(schema: Schema): PruneNode | undefined {
  const properties = Object.entries(schema.properties ?? {});
  const others = othersOf(schema);
  const keepsOthers = others !== undefined && others.node === undefined;
  const node: PruneNode = {
    properties: properties.length === 0 ? undefined : new Map(properties.map(([name, child]) => [name, nodeOf(child)])),
    others,
    items: schema.items === undefined ? (keepsOthers ? undefined : KNOWS_NOTHING) : nodeOf(schema.items),
  };
  if (schema['x-kubernetes-embedded-resource'] === true) return withResourceFields(node);
  return keepsOthers && node.properties === undefined && node.items === undefined ? undefined : node;
}

function othersOf(schema: Schema): PruneNode['others'] {
  if (schema['x-kubernetes-preserve-unknown-fields'] === true) return { node: undefined };
  const others = schema.additionalProperties;
  if (others === undefined || others === false) return undefined;
  return { node: others === true ? KNOWS_NOTHING : nodeOf(others) };
}

function withResourceFields(node: PruneNode): PruneNode {
  const properties = new Map(node.properties);
  for (const field of RESOURCE_ROOT_FIELDS) properties.set(field, undefined);
  return { ...node, properties };
}

function hasUnknown(value: unknown, node: PruneNode): boolean {
  if (Array.isArray(value)) {
    const { items } = node;
    return items !== undefined && (value as readonly unknown[]).some((item) => hasUnknown(item, items));
  }
  if (!isMap(value)) return false;
  for (const key of Object.keys(value)) {
    const child = childNode(node, key);
    if (child === UNKNOWN) return true;
    if (child !== undefined && hasUnknown(value[key], child)) return true;
  }
  return false;
}

const UNKNOWN = Symbol('unknown');

function childNode(node: PruneNode, key: string): PruneNode | undefined | typeof UNKNOWN {
  const child = node.properties?.get(key);
  if (child !== undefined) return child;
  if (node.properties?.has(key) === true) return undefined;
  return node.others === undefined ? UNKNOWN : node.others.node;
}

function prune(value: unknown, node: PruneNode, path: string, unknown: string[]): unknown {
  if (Array.isArray(value)) {
    const { items } = node;
    if (items === undefined) return value;
    return value.map((item: unknown, index) => prune(item, items, childPath(path, index), unknown));
  }
  return isMap(value) ? pruneRecord(value, node, path, unknown) : value;
}

function pruneRecord(value: Record_, node: PruneNode, path: string, unknown: string[]): Record_ {
  const kept: [string, unknown][] = [];
  for (const [key, part] of Object.entries(value)) {
    const child = childNode(node, key);
    if (child === UNKNOWN) {
      if (unknown.length < MAX_TOLD) unknown.push(childPath(path, key));
    } else {
      kept.push([key, child === undefined ? part : prune(part, child, childPath(path, key), unknown)]);
    }
  }
  // fromEntries defines fields and never assigns them, so a field called __proto__ stays a field.
  return Object.fromEntries(kept);
}
