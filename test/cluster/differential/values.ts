import fc from 'fast-check';
import { walkSchema, withValue, type SchemaNode } from '#test/builders/schema-walk.ts';
import type { Schema } from '#schemas/meta/schema.ts';
import { ownName, type ComparedKind } from './kinds.ts';

type Fields = Readonly<Record<string, unknown>>;

/** Of every type, for fields of another one. */
const anything = ['text', '', 7, -1, 1.5, true, null, [], ['x'], {}, { x: 'y' }, [{ name: 'n' }]];
const texts = ['', 'a', 'A', 'a.b', 'ünï\n', 'x'.repeat(300), ' a', '*', '10', '1h', 'True', 'dGV4dA=='];
const numbers = [0, 1, -1, 3.5, 2 ** 31, 2 ** 53 + 2, -(2 ** 31) - 1];

/** Good and bad values for a field of a schema. */
function valuesFor(schema: Schema): fc.Arbitrary<unknown> {
  const own = ownValues(schema);
  return own.length === 0
    ? fc.constantFrom<unknown>(...anything)
    : fc.oneof(
        { arbitrary: fc.constantFrom<unknown>(...own), weight: 4 },
        { arbitrary: fc.constantFrom<unknown>(...anything), weight: 1 },
      );
}

function ownValues(schema: Schema): readonly unknown[] {
  const { type, minimum = 0, maximum = 100, enum: words = [], format } = schema;
  if (schema['x-kubernetes-int-or-string'] === true) return [...texts, ...numbers];
  if (type === undefined) return [];
  switch (type) {
    case 'string':
      if (format === 'date-time') return ['2020-02-02T02:02:02Z', '2020-02-02T02:02:02.000003Z', '2020-02-02', 'now'];
      return words.length > 0 ? [...words, 'Other', ''] : texts;
    case 'integer':
    case 'number':
      return [...numbers, minimum, maximum, minimum - 1, maximum + 1];
    case 'boolean':
      return [true, false];
    case 'array':
      return [[], ['a'], ['a', 'a'], ['b', 'a']];
    case 'object':
      return [{}, { unknownField: 1 }, { a: 'b' }];
  }
}

/** Where it hurts: metadata is the same for all kinds. */
const metadataValues: Readonly<Record<string, readonly unknown[]>> = {
  name: ['b', 'Upper', '', 'x'.repeat(254), 'a_b', 'a/b'],
  generateName: ['gen-'],
  namespace: ['other', '', '{namespace}'],
  uid: ['{uid}', 'x', ''],
  resourceVersion: ['{now}', '{before}', '0', 'x', ''],
  generation: [7],
  creationTimestamp: ['2020-01-01T00:00:00Z', null, 'never'],
  deletionTimestamp: ['2020-01-01T00:00:00Z', null],
  deletionGracePeriodSeconds: [3],
  selfLink: ['/self'],
  labels: [{ a: '1' }, { a: '2', b: '' }, { 'bad key': 'x' }, { a: 'bad value!' }, { 'x.io/y': 'z' }, null],
  annotations: [{ n: 'any text' }, { 'x.io/y': '' }, { 'bad key': '' }, { '': '' }, null],
  finalizers: [
    ['test.wcp360.io/a'],
    ['unqualified'],
    ['test.wcp360.io/a', 'test.wcp360.io/a'],
    ['orphan'],
    [''],
    [],
    null,
  ],
  ownerReferences: [
    [],
    [{ apiVersion: 'v1', kind: 'ConfigMap', name: 'x' }],
    [{ apiVersion: 'v1', kind: '', name: '', uid: '' }],
    [{ apiVersion: 'a/b/c', kind: 'Event', name: 'x', uid: 'u' }],
  ],
  managedFields: [
    [],
    [{}],
    null,
    [{ manager: 'x', operation: 'Update', apiVersion: 'v1', fieldsType: 'FieldsV1', fieldsV1: { 'f:data': {} } }],
    [{ manager: 'x', operation: 'Other', fieldsType: 'FieldsV2' }],
  ],
};

/** A field of a kind with a value for it, as often in its metadata as elsewhere. */
export interface Change {
  readonly path: string;
  readonly value: unknown;
}

/** Fields that are not there, and values for the kind's own identity. */
const strays: readonly Change[] = [
  { path: 'unknown', value: 1 },
  { path: 'spec.unknown', value: { x: 1 } },
  { path: 'metadata.unknown', value: 'x' },
  { path: 'apiVersion', value: 'v9' },
  { path: 'kind', value: 'Other' },
  { path: 'kind', value: 7 },
  { path: 'metadata', value: null },
];

/** Changes to objects of a kind: of its own fields by its schema, of metadata, and of what is not there. */
export function changesOf(kind: ComparedKind): fc.Arbitrary<Change> {
  const own = walkSchema(kind.schema).filter(isOwn);
  // See isCollectedInTime: a custom object with this finalizer waits as long.
  const metadata = Object.entries(metadataValues)
    .flatMap(([name, values]) =>
      values.map((value) => ({ path: `metadata.${name}`, value: ownValue(kind, name, value) })),
    )
    .filter(({ value }) => !kind.custom || JSON.stringify(value) !== '["orphan"]');
  return fc.oneof(
    {
      arbitrary: fc
        .constantFrom(...own)
        .chain(({ path, schema }) => valuesFor(schema).map((value) => ({ path, value }))),
      weight: 6,
    },
    { arbitrary: fc.constantFrom(...metadata), weight: 3 },
    { arbitrary: fc.constantFrom(...strays), weight: 1 },
  );
}

function ownValue(kind: ComparedKind, field: string, value: unknown): unknown {
  return field === 'name' && value !== '' ? ownName(kind, String(value)) : value;
}

/** What is aggregated is written by a controller whenever it comes to it. */
function isOwn({ path }: SchemaNode): boolean {
  return path !== '' && !/^(?:metadata|apiVersion|kind|aggregationRule)/u.test(path);
}

/** An object with changes made to it; what is to be undefined goes. */
export function changed(object: Fields, changes: readonly Change[]): Fields {
  return changes.reduce<Fields>((before, { path, value }) => withValue(before, path, value) as Fields, object);
}
