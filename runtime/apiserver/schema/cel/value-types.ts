import { Duration } from '@marcbachmann/cel-js/evaluator';
import type { Environment } from '@marcbachmann/cel-js';
import { isExactNumber, isInteger, numberOf } from '#runtime/apiserver/codec/exact-number.ts';
import { isRecord } from '#runtime/base/json.ts';
import type { Schema } from '#schemas/meta/schema.ts';
import type { CelType } from './cel-type.ts';
import { parseGoDuration } from './library/times.ts';
import { declareMessage, type MessageField } from './message.ts';

/** Where types are declared; object types get numbers as names. */
export interface TypeScope {
  readonly environment: Environment;
  readonly next: { value: number };
}

const SCALARS: Readonly<Record<'integer' | 'number' | 'boolean', CelType>> = {
  integer: scalar('int', integerToBigInt),
  number: scalar('double', (value) => numberOf(value) ?? value),
  boolean: scalar('bool', asIs),
};

const INT_OR_STRING = scalar('dyn', integerToBigInt);

const META: Schema = { type: 'object', properties: { name: { type: 'string' }, generateName: { type: 'string' } } };
const RESOURCE: Readonly<Record<string, Schema>> = {
  apiVersion: { type: 'string' },
  kind: { type: 'string' },
  metadata: META,
};

/**
 * The type that rules see for a schema (CRD docs, "Validation rules", type mapping): integers are int, int-or-string is dyn, maps and lists as
 * they are, lists of type set are equal in any order. Undefined for what rules cannot see: nodes without a type.
 */
export function typeOf(schema: Schema, scope: TypeScope, isRoot = false): CelType | undefined {
  if (schema['x-kubernetes-int-or-string'] === true) return INT_OR_STRING;
  const { type } = schema;
  if (type === 'object') return objectType(schema, scope, isRoot || schema['x-kubernetes-embedded-resource'] === true);
  if (type === 'array') return listType(schema, scope);
  if (type === 'string') return stringType(schema);
  return type === undefined ? undefined : SCALARS[type];
}

function scalar(name: string, convert: (value: unknown) => unknown): CelType {
  return { name, convert, isComposite: false };
}

function asIs(value: unknown): unknown {
  return value;
}

function integerToBigInt(value: unknown): unknown {
  if (typeof value === 'number') return Number.isInteger(value) ? BigInt(value) : value;
  if (!isExactNumber(value)) return value;
  if (isInteger(value)) return BigInt(value.rawJSON);
  const rounded = Number(value.rawJSON);
  return Number.isInteger(rounded) ? BigInt(rounded) : rounded;
}

function stringType(schema: Schema): CelType {
  switch (schema.format?.replaceAll('-', '') ?? '') {
    case 'byte':
      return scalar('bytes', (value) =>
        typeof value === 'string' ? new Uint8Array(Buffer.from(value, 'base64')) : value,
      );
    case 'date':
    case 'datetime':
      return scalar('google.protobuf.Timestamp', (value) => (typeof value === 'string' ? new Date(value) : value));
    case 'duration':
      return scalar('google.protobuf.Duration', (value) =>
        typeof value === 'string' ? (parseGoDuration(value) ?? new Duration(0n)) : value,
      );
    default:
      return scalar('string', asIs);
  }
}

/** Null may stand in lists and maps where the schema says so; nothing but dyn takes both. */
function elementType(schema: Schema, scope: TypeScope): CelType | undefined {
  const type = typeOf(schema, scope);
  return type === undefined || schema.nullable !== true ? type : { ...type, name: 'dyn' };
}

function listType(schema: Schema, scope: TypeScope): CelType | undefined {
  const item = schema.items === undefined ? undefined : elementType(schema.items, scope);
  if (item === undefined) return undefined;
  const isSet = schema['x-kubernetes-list-type'] === 'set' && !item.isComposite;
  return {
    name: `list<${item.name}>`,
    isComposite: true,
    convert: (value) => {
      if (!Array.isArray(value)) return value;
      const items = value.map((one) => (one === null ? null : item.convert(one)));
      return isSet ? new Set(items) : items;
    },
  };
}

function objectType(schema: Schema, scope: TypeScope, isResource: boolean): CelType | undefined {
  if (typeof schema.additionalProperties === 'object' && schema.properties === undefined) {
    return mapType(schema.additionalProperties, scope);
  }
  const properties = Object.entries({ ...schema.properties, ...(isResource ? RESOURCE : {}) });
  const fields = properties.flatMap(([property, child]): readonly MessageField[] => {
    const type = typeOf(child, scope);
    return type === undefined ? [] : [{ property, type }];
  });
  const name = `Object${scope.next.value}`;
  scope.next.value += 1;
  return { name, isComposite: true, convert: declareMessage(scope.environment, name, fields) };
}

function mapType(values: Schema, scope: TypeScope): CelType | undefined {
  const type = elementType(values, scope);
  if (type === undefined) return undefined;
  return {
    name: `map<string, ${type.name}>`,
    isComposite: true,
    convert: (value) => {
      if (!isRecord(value)) return value;
      return new Map(Object.entries(value).map(([key, one]) => [key, one === null ? null : type.convert(one)]));
    },
  };
}
