import { isMap } from '#runtime/apiserver/codec/exact-number.ts';
import type { Json } from '#schemas/meta/json.ts';
import type { Schema } from '#schemas/meta/schema.ts';

type Fields = Readonly<Record<string, unknown>>;

interface DefaultNode {
  readonly properties: readonly PropertyDefaults[];
  /** Values of keys that are not properties. */
  readonly others: PropertyDefaults | undefined;
  readonly names: ReadonlySet<string>;
  readonly items: DefaultNode | undefined;
}

interface PropertyDefaults {
  readonly name: string;
  readonly nullable: boolean;
  readonly fallback: Json | undefined;
  readonly node: DefaultNode | undefined;
}

/**
 * The defaulting of structural schemas (CRD docs, "Defaulting"): a missing field gets its default when its parent is there; null in a field
 * that is not nullable counts as missing and goes. The object given is never changed; what stays the same is shared with it.
 * Applied to requests and to what comes from the store alike.
 */
export function compileDefaulter(schema: Schema): <T extends object>(object: T) => T {
  const root = nodeOf(schema);
  return (object) => (root === undefined ? object : (applyTo(object, root) as typeof object));
}

function nodeOf(schema: Schema): DefaultNode | undefined {
  const properties = Object.entries(schema.properties ?? {}).map(([name, child]) => propertyOf(name, child));
  const others =
    typeof schema.additionalProperties === 'object' ? propertyOf('', schema.additionalProperties) : undefined;
  const items = schema.items === undefined ? undefined : nodeOf(schema.items);
  if (properties.length === 0 && others === undefined && items === undefined) return undefined;
  return { properties, others, items, names: new Set(properties.map(({ name }) => name)) };
}

function propertyOf(name: string, schema: Schema): PropertyDefaults {
  return {
    name,
    // A node without a type, such as a preserved one, has nothing against null.
    nullable: schema.nullable === true || (schema.type === undefined && schema['x-kubernetes-int-or-string'] !== true),
    fallback: schema.default,
    node: nodeOf(schema),
  };
}

function applyTo(value: unknown, node: DefaultNode): unknown {
  if (Array.isArray(value)) return applyToList(value, node.items);
  return isMap(value) ? applyToFields(value, node) : value;
}

function applyToList(list: readonly unknown[], items: DefaultNode | undefined): readonly unknown[] {
  if (items === undefined) return list;
  let copy: unknown[] | undefined;
  for (let index = 0; index < list.length; index += 1) {
    const next = applyTo(list[index], items);
    if (next === list[index]) continue;
    copy ??= [...list];
    copy[index] = next;
  }
  return copy ?? list;
}

function applyToFields(fields: Fields, node: DefaultNode): Fields {
  let copy: Record<string, unknown> | undefined;
  for (const property of node.properties) {
    const found = Object.hasOwn(fields, property.name) ? fields[property.name] : undefined;
    const next = valueOf(found, property);
    if (next !== found) copy = withField(copy ?? { ...fields }, property.name, next);
  }
  return node.others === undefined ? (copy ?? fields) : applyToOthers(copy ?? fields, node, node.others);
}

function applyToOthers(fields: Fields, node: DefaultNode, others: PropertyDefaults): Fields {
  let copy: Record<string, unknown> | undefined;
  for (const key of Object.keys(fields)) {
    if (node.names.has(key)) continue;
    const next = valueOf(fields[key], others);
    if (next !== fields[key]) copy = withField(copy ?? { ...fields }, key, next);
  }
  return copy ?? fields;
}

function valueOf(found: unknown, property: PropertyDefaults): unknown {
  const isMissing = found === undefined || (found === null && !property.nullable);
  // A default on the values of a map has no missing key to stand for.
  const start = isMissing ? cloneJson(property.fallback) : found;
  return property.node === undefined ? start : applyTo(start, property.node);
}

function withField(copy: Record<string, unknown>, key: string, value: unknown): Record<string, unknown> {
  if (value === undefined) delete copy[key];
  // Assigning would set the prototype instead.
  else if (key === '__proto__')
    Object.defineProperty(copy, key, { value, enumerable: true, configurable: true, writable: true });
  else copy[key] = value;
  return copy;
}

function cloneJson(value: Json | undefined): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map((item: Json) => cloneJson(item));
  return Object.fromEntries(Object.entries(value).map(([key, part]) => [key, cloneJson(part)]));
}
