import { isMap } from '#runtime/apiserver/codec/exact-number.ts';
import { metadataSchema } from '#runtime/apiserver/builtin/schemas/metadata.ts';
import type { Schema } from '#schemas/meta/schema.ts';

/** What no schema describes: maps are merged field by field, lists are one value. */
export const untyped: Schema = { 'x-kubernetes-preserve-unknown-fields': true };

const text: Schema = { type: 'string' };
const rootFields: Readonly<Record<string, Schema>> = { apiVersion: text, kind: text, metadata: metadataSchema };
const roots = new WeakMap<Schema, Schema>();

/** The schema of a whole object: the kind's own with the metadata that all kinds share. Made once for each schema. */
export function rootSchemaOf(schema: Schema | undefined): Schema {
  const own = schema ?? untyped;
  const known = roots.get(own);
  if (known !== undefined) return known;
  const root = { ...own, properties: { ...own.properties, ...rootFields } };
  roots.set(own, root);
  return root;
}

/** Whether the fields of such a map are owned one by one. */
export function isGranularMap(schema: Schema): boolean {
  if (schema['x-kubernetes-map-type'] === 'atomic' || schema['x-kubernetes-int-or-string'] === true) return false;
  return schema.type === 'object' || schema.type === undefined;
}

/** Whether the items of such a list are owned one by one. */
export function isKeyedList(schema: Schema): boolean {
  const type = schema['x-kubernetes-list-type'];
  return schema.type === 'array' && (type === 'map' || type === 'set');
}

/** Whether the schema names this field, so that owning something below it implies the field. */
export function isDeclared(schema: Schema, field: string): boolean {
  return schema.properties !== undefined && Object.hasOwn(schema.properties, field);
}

/** The schema of a field; undefined when the schema does not allow it. */
export function fieldSchema(schema: Schema, field: string): Schema | undefined {
  const { properties, additionalProperties } = schema;
  if (properties !== undefined && Object.hasOwn(properties, field)) return properties[field];
  if (typeof additionalProperties === 'object') return additionalProperties;
  if (additionalProperties === true || isOpen(schema)) return untyped;
  return schema['x-kubernetes-embedded-resource'] === true && Object.hasOwn(rootFields, field)
    ? rootFields[field]
    : undefined;
}

/** An object or a list that holds nothing. */
export function isEmptyContainer(value: unknown): boolean {
  if (Array.isArray(value)) return value.length === 0;
  if (!isMap(value)) return false;
  for (const _field in value) return false;
  return true;
}

/** Equal as JSON; the order of fields does not count, a field that is undefined is absent. */
export function isSameJson(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false;
  if (Array.isArray(a) || Array.isArray(b)) return Array.isArray(a) && Array.isArray(b) && isSameList(a, b);
  return isSameRecord(a as Readonly<Record<string, unknown>>, b as Readonly<Record<string, unknown>>);
}

function isSameList(a: readonly unknown[], b: readonly unknown[]): boolean {
  if (a.length !== b.length) return false;
  for (let index = 0; index < a.length; index += 1) if (!isSameJson(a[index], b[index])) return false;
  return true;
}

function isSameRecord(a: Readonly<Record<string, unknown>>, b: Readonly<Record<string, unknown>>): boolean {
  for (const key in a) {
    const value = a[key];
    if (value !== undefined && !(Object.hasOwn(b, key) && isSameJson(value, b[key]))) return false;
  }
  for (const key in b) if (b[key] !== undefined && !Object.hasOwn(a, key)) return false;
  return true;
}

function isOpen(schema: Schema): boolean {
  if (schema['x-kubernetes-preserve-unknown-fields'] === true) return true;
  return schema.type === undefined && schema.properties === undefined && schema['x-kubernetes-int-or-string'] !== true;
}
