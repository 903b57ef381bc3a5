import type { Schema } from '#schemas/meta/schema.ts';

/**
 * How big a value can be at most, for cost estimates. `max` counts characters of a text and entries of a list or map, and is 1 for everything
 * else. Parts are worked out when they are asked for.
 */
export interface Shape {
  readonly max: number;
  /** Items of a list, values of a map. */
  element?(): Shape;
  /** Keys of a map. */
  readonly keyMax?: number;
  field?(property: string): Shape | undefined;
}

/** Largest request that Kubernetes reckons with. */
const MAX_REQUEST_BYTES = 3 * 1024 * 1024;

/**
 * Keys of maps have no length in a schema. Real ones are names; the budget at run time covers the rest.
 */
const ASSUMED_KEY_CHARS = 1_024;

/** A code point takes up to four bytes, and Kubernetes estimates in bytes. */
const BYTES_PER_CHAR = 4;

export const SCALAR: Shape = { max: 1 };

/** The largest value that a schema admits within one request. */
export function shapeOf(schema: Schema): Shape {
  if (schema['x-kubernetes-int-or-string'] === true) return { max: maxTextOf(schema) };
  if (schema.type === 'string') return { max: maxTextOf(schema) };
  if (schema.type === 'array') {
    const { items = {} } = schema;
    return { max: maxItemsOf(schema), element: () => shapeOf(items) };
  }
  if (schema.type !== 'object') return SCALAR;
  const { additionalProperties, properties } = schema;
  if (typeof additionalProperties === 'object' && properties === undefined) {
    return { max: maxPropertiesOf(schema), keyMax: ASSUMED_KEY_CHARS, element: () => shapeOf(additionalProperties) };
  }
  return { max: 1, field: (property) => fieldShape(schema, property) };
}

/** The most items that a list, or entries that a map, can have; 1 for everything else. Rules below are evaluated that often. */
export function repetitionsOf(schema: Schema): number {
  if (schema.type === 'array') return maxItemsOf(schema);
  return typeof schema.additionalProperties === 'object' ? maxPropertiesOf(schema) : 1;
}

/** Either of two. */
export function eitherOf(a: Shape, b: Shape): Shape {
  return {
    max: Math.max(a.max, b.max),
    ...(a.element === undefined && b.element === undefined
      ? {}
      : { element: () => eitherOf(a.element?.() ?? SCALAR, b.element?.() ?? SCALAR) }),
    ...(a.keyMax === undefined && b.keyMax === undefined ? {} : { keyMax: Math.max(a.keyMax ?? 0, b.keyMax ?? 0) }),
    field: (property) => {
      const left = a.field?.(property);
      const right = b.field?.(property);
      return left === undefined || right === undefined ? (left ?? right) : eitherOf(left, right);
    },
  };
}

function fieldShape(schema: Schema, property: string): Shape | undefined {
  const { properties = {} } = schema;
  const child = Object.hasOwn(properties, property) ? properties[property] : undefined;
  if (property === 'metadata') return { max: 1, field: () => ({ max: 253 }) };
  return child === undefined ? undefined : shapeOf(child);
}

function maxTextOf(schema: Schema): number {
  if (schema.enum !== undefined) return Math.max(1, ...schema.enum.map((word) => lengthOf(word)));
  if (schema.maxLength !== undefined) return schema.maxLength * BYTES_PER_CHAR;
  return FORMAT_CHARS[schema.format ?? ''] ?? MAX_REQUEST_BYTES - 2;
}

const FORMAT_CHARS: Readonly<Record<string, number>> = {
  date: 10,
  'date-time': 35,
  duration: 128,
  ipv4: 15,
  ipv6: 45,
  cidr: 49,
  uuid: 36,
};

function maxItemsOf(schema: Schema): number {
  return schema.maxItems ?? Math.floor((MAX_REQUEST_BYTES - 2) / (minBytesOf(schema.items ?? {}) + 1));
}

function maxPropertiesOf(schema: Schema): number {
  const values = typeof schema.additionalProperties === 'object' ? schema.additionalProperties : {};
  return schema.maxProperties ?? Math.floor((MAX_REQUEST_BYTES - 2) / (minBytesOf(values) + 6));
}

function lengthOf(word: unknown): number {
  return typeof word === 'string' ? word.length : JSON.stringify(word).length;
}

/** The shortest JSON of a value. */
function minBytesOf(schema: Schema): number {
  switch (schema.type ?? 'number') {
    case 'string':
      return (
        2 +
        (schema.enum === undefined ? (schema.minLength ?? 0) : Math.min(...schema.enum.map((word) => lengthOf(word))))
      );
    case 'boolean':
      return 4;
    case 'object':
      return minObjectBytes(schema);
    case 'array':
      return 2;
    case 'integer':
    case 'number':
      return 1;
  }
}

function minObjectBytes(schema: Schema): number {
  const { properties = {}, required = [] } = schema;
  // A property costs its quotes, colon and comma beside its name and value; defaulted ones need not be sent.
  return required.reduce((bytes, name) => {
    const child = Object.hasOwn(properties, name) ? properties[name] : undefined;
    return child === undefined || child.default !== undefined ? bytes : bytes + name.length + 4 + minBytesOf(child);
  }, 2);
}
