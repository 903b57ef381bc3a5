import { isExactNumber, isMap } from '#runtime/apiserver/codec/exact-number.ts';
import { isHeld } from '#runtime/apiserver/builtin/schemas/held.ts';
import type { Schema } from '#schemas/meta/schema.ts';
import { itemElement, printElement } from './path-element.ts';
import { fieldSchema, isKeyedList, untyped } from './typed.ts';

const maxFaults = 20;

/**
 * What keeps an applied configuration from being merged by its schema: fields that are not declared, values of another type,
 * items that cannot be told apart or stand twice. Each fault is one line in the words of structured-merge-diff, at most twenty.
 */
export function configFaults(config: Readonly<Record<string, unknown>>, root: Schema): readonly string[] {
  const faults: string[] = [];
  checkNode(config, root, { path: '', faults });
  return faults.slice(0, maxFaults);
}

interface Check {
  readonly path: string;
  readonly faults: string[];
}

function checkNode(value: unknown, schema: Schema, check: Check): void {
  if (value === null || value === undefined || check.faults.length >= maxFaults) return;
  if (isUntyped(schema)) return;
  const expected = expectation(schema);
  if (expected !== undefined && !expected.admits(value)) {
    check.faults.push(`${check.path}: expected ${expected.name}, got ${typeName(value)}`);
  } else if (isMap(value)) {
    checkMap(value, schema, check);
  } else if (Array.isArray(value)) {
    checkList(value, schema, check);
  }
}

function checkMap(value: Readonly<Record<string, unknown>>, schema: Schema, check: Check): void {
  for (const field in value) {
    const child = fieldSchema(schema, field);
    const path = `${check.path}.${field}`;
    if (child === undefined) check.faults.push(`${path}: field not declared in schema`);
    else checkNode(value[field], child, { path, faults: check.faults });
  }
}

function checkList(items: readonly unknown[], schema: Schema, check: Check): void {
  const seen = new Set<string>();
  for (const [index, item] of items.entries()) {
    const element = isKeyedList(schema) ? itemElement(item, schema) : `i:${index}`;
    if (element === undefined) {
      check.faults.push(`${check.path}: element ${index}: ${itemFault(item, schema)}`);
      return;
    }
    if (seen.has(element)) check.faults.push(`${check.path}: duplicate entries for key ${printElement(element)}`);
    seen.add(element);
    checkNode(item, schema.items ?? untyped, { path: check.path + printElement(element), faults: check.faults });
  }
}

function itemFault(item: unknown, schema: Schema): string {
  if (schema['x-kubernetes-list-type'] === 'set') {
    if (Array.isArray(item)) return 'not supported: associative list with lists as elements';
    return item === null
      ? "associative list without keys has an element that's an explicit null"
      : "associative list without keys has an element that's a map type";
  }
  if (!isMap(item)) return 'associative list with keys may not have non-map elements';
  const keys = (schema['x-kubernetes-list-map-keys'] ?? []).map((key) => JSON.stringify(key)).join(' ');
  return `associative list with keys has an element that omits all key fields [${keys}] (and doesn't have default values for any key fields)`;
}

interface Expectation {
  readonly name: string;
  readonly admits: (value: unknown) => boolean;
}

const isNumber = (value: unknown): boolean => typeof value === 'number' || isExactNumber(value);

const expectations: Readonly<Record<string, Expectation>> = {
  object: { name: 'map', admits: isMap },
  array: { name: 'list', admits: Array.isArray },
  string: { name: 'string', admits: (value) => typeof value === 'string' },
  boolean: { name: 'boolean', admits: (value) => typeof value === 'boolean' },
  integer: { name: 'numeric (int or float)', admits: isNumber },
  number: { name: 'numeric (int or float)', admits: isNumber },
};

/** A custom field of two types is of none, and says nothing of what is below it. */
function isUntyped(schema: Schema): boolean {
  return schema['x-kubernetes-int-or-string'] === true && !isHeld('quantity', schema);
}

/** What its format makes of a text is looked at later, and so is what is none. */
function isFormatted({ type, format = 'byte' }: Schema): boolean {
  return type === 'string' && format !== 'byte';
}

const anyScalar: Expectation = { name: 'any scalar', admits: (value) => !isMap(value) && !Array.isArray(value) };

function expectation(schema: Schema): Expectation | undefined {
  if (isHeld('quantity', schema) || isFormatted(schema)) return anyScalar;
  return schema.type === undefined ? undefined : expectations[schema.type];
}

function typeName(value: unknown): string {
  if (isNumber(value)) return 'number';
  if (Array.isArray(value)) return 'list';
  if (typeof value === 'boolean') return 'bool';
  return typeof value === 'object' ? 'map' : typeof value;
}
