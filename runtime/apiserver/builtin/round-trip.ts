import { isMap } from '#runtime/apiserver/codec/exact-number.ts';
import { badRequest } from '#runtime/apiserver/http/api-errors.ts';
import { canonicalTime, isTime, timeProblem } from '#runtime/apiserver/codec/times.ts';
import type { KubeObject } from '#schemas/meta/object.ts';
import { canonicalQuantity } from '#schemas/meta/quantity.ts';
import type { Schema } from '#schemas/meta/schema.ts';
import { isHeld } from './schemas/held.ts';

type Fields = Readonly<Record<string, unknown>>;

/**
 * What becomes of a value that Kubernetes reads into a struct and writes again: null is nothing given, empty texts, numbers, lists and maps are not
 * written unless the field says so, times and amounts are spelled in one way. A value of another type than the schema's stays, for validation to refuse.
 */
export function roundTripObject(schema: Schema, object: KubeObject): KubeObject {
  if (!isHeld('struct', schema)) return object;
  const { apiVersion, kind, metadata, ...fields } = object;
  return { apiVersion, kind, metadata, ...fieldsOf(schema, fields) };
}

function roundTrip(schema: Schema, value: unknown): unknown {
  if (isHeld('quantity', schema)) return amountOf(value);
  if (value === null || value === undefined) return zeroOf(schema);
  if (typeof value === 'string') return schema.type === 'string' ? textOf(schema, value) : value;
  if (Array.isArray(value))
    return schema.type === 'array' ? value.map((item: unknown) => roundTrip(schema.items ?? {}, item)) : value;
  return isMap(value) && schema.type === 'object' ? fieldsOf(schema, value) : value;
}

/** 400 for a text that is not what it stands for. */
function textOf(schema: Schema, text: string): string {
  if (schema.format === 'byte') {
    const at = base64Problem(text);
    if (at !== undefined) throw badRequest(`illegal base64 data at input byte ${at}`);
  }
  if (schema.format !== 'date-time') return text;
  const isMicro = isHeld('micro', schema);
  if (!isTime(text, isMicro)) throw badRequest(timeProblem(text, isMicro));
  return canonicalTime(text, isMicro);
}

/** Where a text stops being base64. */
function base64Problem(text: string): number | undefined {
  const end = text.length - (/={1,2}$/u.exec(text)?.[0].length ?? 0);
  const bad = text.search(/[^A-Za-z0-9+/]/u);
  if (bad !== -1 && bad < end) return bad;
  return text.length % 4 === 0 ? undefined : text.length - (text.length % 4);
}

const amountPattern = "'^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'";

/** None is nought. */
function amountOf(given: unknown): unknown {
  const value: unknown = given ?? 0;
  const isWhole = /^-?\d+$/u.test(String(value));
  const amount = isWhole ? String(value) : canonicalQuantity(value);
  if (amount === undefined) throw badRequest(`quantities must match the regular expression ${amountPattern}`);
  return amount;
}

/** What is written of a field that was never set, where it is written at all. */
function zeroOf(schema: Schema): unknown {
  const { type } = schema;
  if (type === undefined) return null;
  switch (type) {
    case 'string':
      return isPlainText(schema) ? '' : null;
    case 'boolean':
      return false;
    case 'integer':
    case 'number':
      return 0;
    case 'object':
      return schema.properties === undefined ? null : fieldsOf(schema, {});
    case 'array':
      return null;
  }
}

/** Not a time, which is null when it is none. */
function isPlainText({ format }: Schema): boolean {
  return format === undefined || format === 'byte';
}

function fieldsOf(schema: Schema, given: Fields): Fields {
  const { properties = {}, additionalProperties } = schema;
  const fields: Record<string, unknown> = {};
  for (const key of Object.keys(given)) {
    const child = Object.hasOwn(properties, key) ? properties[key] : undefined;
    const value = child === undefined ? otherOf(additionalProperties, given[key]) : fieldOf(child, given[key]);
    if (value !== undefined)
      Object.defineProperty(fields, key, { value, enumerable: true, configurable: true, writable: true });
  }
  for (const [key, child] of Object.entries(properties)) {
    if (isHeld('always', child) && !Object.hasOwn(fields, key)) fields[key] = zeroOf(child);
  }
  return fields;
}

function otherOf(schema: Schema | boolean | undefined, value: unknown): unknown {
  return typeof schema === 'object' ? roundTrip(schema, value) : value;
}

/** Undefined: not written. */
function fieldOf(schema: Schema, given: unknown): unknown {
  const isGiven = given !== null && given !== undefined;
  if (isHeld('pointer', schema)) return isGiven ? roundTrip(schema, given) : undefined;
  if (!isGiven) return isHeld('always', schema) ? zeroOf(schema) : undefined;
  const value = roundTrip(schema, given);
  if (!isHeld('always', schema)) return isZero(schema, value) ? undefined : value;
  // An empty list does not come back from the store of Kubernetes.
  return schema.type === 'array' && isZero(schema, value) ? null : value;
}

const zeros: Readonly<Record<NonNullable<Schema['type']>, (value: unknown) => boolean>> = {
  string: (value) => value === '',
  boolean: (value) => value === false,
  integer: (value) => value === 0,
  number: (value) => value === 0,
  array: (value) => Array.isArray(value) && value.length === 0,
  object: (value) => isMap(value) && Object.keys(value).length === 0,
};

/** Of another type is no zero: it is for validation to refuse. */
function isZero({ type }: Schema, value: unknown): boolean {
  return type !== undefined && zeros[type](value);
}
