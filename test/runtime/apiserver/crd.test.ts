import fc from 'fast-check';
import t from 'tap';
import { definitionStrategy } from '#runtime/apiserver/builtin/custom-resource-definition.ts';
import { specOf } from '#runtime/apiserver/registry/definition.ts';
import { draftOf, finished } from '#runtime/apiserver/registry/draft.ts';
import { validateCrd } from '#runtime/apiserver/schema/crd.ts';
import type { KubeObject } from '#schemas/meta/object.ts';

const aDefinition = (
  schema: unknown,
  spec: Readonly<Record<string, unknown>> = {},
  version: Readonly<Record<string, unknown>> = {},
): KubeObject => ({
  apiVersion: 'apiextensions.k8s.io/v1',
  kind: 'CustomResourceDefinition',
  metadata: { name: 'webs.wcp.example' },
  spec: {
    group: 'wcp.example',
    scope: 'Namespaced',
    names: { plural: 'webs', kind: 'Web' },
    versions: [{ name: 'v1', served: true, storage: true, schema: { openAPIV3Schema: schema }, ...version }],
    ...spec,
  },
});

const said = (definition: KubeObject, old?: KubeObject): readonly string[] =>
  validateCrd(definition, old).map(({ field, message }) => `${field}: ${message}`);
const root = 'spec.versions[0].schema.openAPIV3Schema';
const plain = { type: 'object', properties: { spec: { type: 'object', properties: { a: { type: 'string' } } } } };
const withA = (a: unknown, more: object = {}): object => ({ type: 'object', properties: { a }, ...more });

interface Case {
  readonly why: string;
  readonly definition: KubeObject;
  /** The first fault. */
  readonly says: RegExp;
}

const at = (field: string, words: string): RegExp =>
  new RegExp(`^${field.replaceAll(/[[\].$]/g, String.raw`\$&`)}: ${words}`);
const structural = (why: string, schema: unknown, field: string, words: string): Case => ({
  why,
  definition: aDefinition(schema),
  says: at(`${root}${field}`, words),
});

const cases: readonly Case[] = [
  {
    why: 'another name',
    definition: aDefinition(plain, { names: { plural: 'sites', kind: 'Web' } }),
    says: at('metadata.name', 'Invalid value: "webs.wcp.example": must be spec.names.plural'),
  },
  {
    why: 'a group without a dot',
    definition: aDefinition(plain, { group: 'wcp' }),
    says: /should be a domain with at least one dot|must be spec.names.plural/,
  },
  {
    why: 'a protected group',
    definition: { ...aDefinition(plain, { group: 'x.k8s.io' }), metadata: { name: 'webs.x.k8s.io' } },
    says: /protected groups must have approval annotation/,
  },
  {
    why: 'a rule that a status by itself could not be checked for',
    definition: aDefinition({ ...plain, enum: [{}] }, {}, { subresources: { status: {} } }),
    says: at(`${root}.enum`, 'Invalid value: .*: is not allowed at the root'),
  },
  {
    why: 'no scope',
    definition: aDefinition(plain, { scope: 'Galaxy' }),
    says: at('spec.scope', 'Unsupported value: "Galaxy": supported values: "Cluster", "Namespaced"'),
  },
  {
    why: 'no version',
    definition: aDefinition(plain, { versions: [] }),
    says: at('spec.versions', 'Required value: must have at least one version'),
  },
  {
    why: 'nothing stored',
    definition: aDefinition(plain, {}, { storage: false }),
    says: at('spec.versions', 'Invalid value: must have exactly one version marked as storage version'),
  },
  {
    why: 'no schema',
    definition: aDefinition(plain, {}, { schema: {} }),
    says: at(root, 'Required value: schemas are required'),
  },
  {
    why: 'a stored version that is gone',
    definition: { ...aDefinition(plain), status: { storedVersions: ['v0'] } },
    says: at('status.storedVersions[0]', 'Invalid value: "v0": must appear in spec.versions'),
  },
  {
    why: 'a keyword of the wrong type',
    definition: aDefinition({ type: 'object', properties: [] }),
    says: at(`${root}.properties`, 'Invalid value: "array"'),
  },
  structural('no type at the root', { properties: {} }, '.type', 'Required value: must not be empty at the root'),
  structural(
    'no type in a field',
    withA({}),
    '.properties[a].type',
    'Required value: must not be empty for specified object fields',
  ),
  structural(
    'no type in an item',
    withA({ type: 'array', items: {} }),
    '.properties[a].items.type',
    'Required value: must not be empty for specified array items',
  ),
  structural('an unknown type', withA({ type: 'text' }), '.properties[a].type', 'Unsupported value: "text"'),
  structural(
    'a list of nothing',
    withA({ type: 'array' }),
    '.properties[a].items',
    'Required value: must be specified',
  ),
  structural('a reference', withA({ type: 'object', $ref: '#/x' }), '.properties[a].$ref', 'Forbidden'),
  structural(
    'unique items',
    withA({ type: 'array', items: { type: 'string' }, uniqueItems: true }),
    '.properties[a].uniqueItems',
    'Forbidden: uniqueItems cannot be set to true',
  ),
  structural(
    'no further properties',
    withA({ type: 'object', additionalProperties: false }),
    '.properties[a].additionalProperties',
    'Forbidden',
  ),
  structural(
    'both kinds of properties',
    withA({ type: 'object', properties: {}, additionalProperties: { type: 'string' } }),
    '.properties[a].additionalProperties',
    'Forbidden: additionalProperties and properties are mutual exclusive',
  ),
  structural(
    'a pattern that is not RE2',
    withA({ type: 'string', pattern: '(?=x)' }),
    '.properties[a].pattern',
    'Invalid value: "\\(\\?=x\\)": must be a valid regular expression',
  ),
  structural(
    'a type inside of logic',
    withA({ type: 'object', anyOf: [{ type: 'object' }] }),
    '.properties[a].anyOf[0].type',
    'Forbidden: must be empty to be structural',
  ),
  structural(
    'a property inside of logic only',
    withA({ type: 'object', not: { properties: { b: {} } } }),
    '.properties[a].properties[b]',
    'Required value: because it is defined in',
  ),
  structural(
    'a keyed list without keys',
    withA({ type: 'array', items: { type: 'object' }, 'x-kubernetes-list-type': 'map' }),
    '.properties[a].x-kubernetes-list-map-keys',
    'Required value',
  ),
  structural(
    'a key that may be missing',
    withA({
      type: 'array',
      items: withA({ type: 'string' }),
      'x-kubernetes-list-type': 'map',
      'x-kubernetes-list-map-keys': ['a'],
    }),
    '.properties[a].items.properties[a].default',
    'Required value',
  ),
  structural(
    'a set of objects',
    withA({ type: 'array', items: { type: 'object' }, 'x-kubernetes-list-type': 'set' }),
    '.properties[a].items.x-kubernetes-map-type',
    'Invalid value',
  ),
  structural(
    'metadata with fields',
    { type: 'object', properties: { metadata: withA({ type: 'string' }) } },
    '.properties[metadata]',
    'Forbidden',
  ),
  structural(
    'a default of another type',
    withA({ type: 'integer', default: 'x' }),
    '.properties[a].default',
    'Invalid value: "string"',
  ),
  structural(
    'a default with unknown fields',
    withA({ type: 'object', properties: {}, default: { b: 1 } }),
    '.properties[a].default',
    'Invalid value: \\{"b":1\\}: must not have unknown fields: b',
  ),
  structural(
    'a default that breaks a rule',
    withA({
      type: 'object',
      properties: { b: { type: 'integer', default: 1 } },
      default: {},
      'x-kubernetes-validations': [{ rule: 'self.b > 1', message: 'b is too small', fieldPath: '.b' }],
    }),
    '.properties[a].default.b',
    'Invalid value: b is too small',
  ),
  structural(
    'a default with a part that breaks a rule of its own',
    withA({
      type: 'array',
      items: { type: 'integer', 'x-kubernetes-validations': [{ rule: 'self > 5' }] },
      default: [7, 1],
    }),
    '.properties[a].default[1]',
    'Invalid value: 1: failed rule: self > 5',
  ),
  structural(
    'a default that breaks a bound',
    withA({ type: 'integer', maximum: 1, default: 2 }),
    '.properties[a].default',
    'Invalid value: 2',
  ),
  structural(
    'a rule that is no expression',
    withA({ type: 'string' }, { 'x-kubernetes-validations': [{ rule: 'self.a ==' }] }),
    '.x-kubernetes-validations[0].rule',
    'Invalid value: "self.a ==": compilation failed',
  ),
  structural(
    'a rule about what is not there',
    withA({ type: 'string' }, { 'x-kubernetes-validations': [{ rule: 'has(self.b)' }] }),
    '.x-kubernetes-validations[0].rule',
    'Invalid value: "has\\(self.b\\)": compilation failed: no such key: b',
  ),
  structural(
    'a rule that is no question',
    withA({ type: 'string' }, { 'x-kubernetes-validations': [{ rule: 'self.a' }] }),
    '.x-kubernetes-validations[0].rule',
    'Invalid value: "self.a": compilation failed: must evaluate to a bool',
  ),
  structural(
    'a comparison of different things',
    withA({ type: 'string' }, { 'x-kubernetes-validations': [{ rule: 'self.a == 1' }] }),
    '.x-kubernetes-validations[0].rule',
    'Invalid value: "self.a == 1": compilation failed: no such overload',
  ),
  structural(
    'a function that Kubernetes does not have',
    withA({ type: 'string' }, { 'x-kubernetes-validations': [{ rule: 'bytes(self.a).hex() == ""' }] }),
    '.x-kubernetes-validations[0].rule',
    'Invalid value: .*undeclared reference',
  ),
  structural(
    'the old value of an item that cannot be found',
    withA({
      type: 'array',
      maxItems: 3,
      items: { type: 'string', 'x-kubernetes-validations': [{ rule: 'self == oldSelf' }] },
    }),
    '.properties[a].items.x-kubernetes-validations[0].rule',
    'Invalid value: "self == oldSelf": oldSelf cannot be used on the uncorrelatable portion',
  ),
  structural(
    'a path to nowhere',
    withA({ type: 'string' }, { 'x-kubernetes-validations': [{ rule: 'true', fieldPath: '.b' }] }),
    '.x-kubernetes-validations[0].fieldPath',
    'Invalid value',
  ),
  {
    why: 'a column of no type',
    definition: aDefinition(plain, {}, { additionalPrinterColumns: [{ name: 'A', type: 'text', jsonPath: '.a' }] }),
    says: at(
      'spec.versions[0].additionalPrinterColumns[0].type',
      'Invalid value: "text": must be one of boolean,date,integer,number,string',
    ),
  },
  {
    why: 'a column with no path',
    definition: aDefinition(plain, {}, { additionalPrinterColumns: [{ name: 'A', type: 'string', jsonPath: '.a[' }] }),
    says: at('spec.versions[0].additionalPrinterColumns[0].jsonPath', 'Invalid value'),
  },
  {
    why: 'a selectable field that is an object',
    definition: aDefinition(plain, {}, { selectableFields: [{ jsonPath: '.spec' }] }),
    says: at(
      'spec.versions[0].selectableFields[0].jsonPath',
      'Invalid value: ".spec": is an invalid path: must point to a field of type',
    ),
  },
  {
    why: 'a selectable field twice',
    definition: aDefinition(plain, {}, { selectableFields: [{ jsonPath: '.spec.a' }, { jsonPath: '.spec.a' }] }),
    says: at('spec.versions[0].selectableFields[1].jsonPath', 'Duplicate value'),
  },
  {
    why: 'replicas in the status',
    definition: aDefinition(
      plain,
      {},
      { subresources: { scale: { specReplicasPath: '.status.n', statusReplicasPath: '.status.n' } } },
    ),
    says: at(
      'spec.versions[0].subresources.scale.specReplicasPath',
      'Invalid value: ".status.n": should be a json path under .spec',
    ),
  },
];

t.test('a definition that cannot be served as written is refused, and the place is named', async (t) => {
  t.same(said(aDefinition(plain)), []);
  for (const { why, definition, says } of cases) t.match(said(definition)[0], says, why);
});

t.test('names, scope and schema of an established definition', async (t) => {
  const old = {
    ...aDefinition({ type: 'object', properties: { a: {} } }),
    status: { conditions: [{ type: 'Established', status: 'True' }] },
  };
  t.same(said(old, old), [], 'a schema that does not change is not judged again');
  t.match(
    said(aDefinition(plain, { scope: 'Cluster' }), old)[0],
    /^spec.scope: Invalid value: "Cluster": field is immutable/,
  );
});

const ruleOn = (list: object, rule: string): object => ({
  type: 'object',
  properties: { list },
  'x-kubernetes-validations': [{ rule }],
});
const texts = (bounds: object, items: object = {}): object => ({
  type: 'array',
  items: { type: 'string', ...items },
  ...bounds,
});

t.test('null in a schema is nothing given, but for a value', (t) => {
  const schemaWith = (more: object, rule: object): unknown => ({
    ...more,
    type: 'object',
    properties: {
      list: {
        ...more,
        type: 'array',
        items: { ...more, type: 'string', enum: ['a', null] },
        default: [null],
        'x-kubernetes-validations': [{ rule: 'self.size() > 0', ...rule }],
      },
      map: { type: 'object', additionalProperties: { ...more, type: 'string' }, not: { ...more, required: ['a'] } },
    },
    anyOf: [{ ...more, required: ['map'] }],
  });
  const nulls = { nullable: null, default: null, maxLength: null, properties: null, 'x-kubernetes-validations': null };
  const written = aDefinition(schemaWith(nulls, { message: null }));
  for (const prepare of ['prepareCreate', 'prepareUpdate'] as const) {
    const draft = draftOf(written);
    definitionStrategy[prepare]?.(draft, written);
    const { versions } = specOf(finished(draft)) ?? {};
    t.same(versions?.[0]?.schema?.openAPIV3Schema, schemaWith({}, {}), prepare);
  }
  t.end();
});

t.test('a format that nobody checks is told once, and not again', (t) => {
  const fields = (formats: object): object => withA({ type: 'object', properties: formats });
  const known = {
    b: { type: 'string', format: 'k8s-short-name' },
    c: { type: 'integer', format: 'int64' },
    d: { type: 'number', format: 'float' },
    e: { type: 'string', format: '' },
  };
  const unknown = {
    f: { type: 'string', format: 'strange' },
    g: { type: 'array', items: { type: 'integer', format: 'strange' } },
    h: { type: 'number', format: 'int32' },
    i: { type: 'object', additionalProperties: { type: 'string', format: 'IPv4' } },
    j: { type: 'string', anyOf: [{ format: 'odd' }] },
  };
  const told = (definition: KubeObject, old?: KubeObject): unknown => definitionStrategy.warnings?.(definition, old);
  const words = ['strange', 'int32', 'IPv4', 'odd'].map((format) => `unrecognized format "${format}"`);
  const written = aDefinition(fields({ ...known, ...unknown }));
  t.same(said(written), []);
  t.same(told(written), words);
  t.same(told(written, written), []);
  t.same(told(written, aDefinition(fields({ f: unknown.f }))), words.slice(1));
  t.same(told(aDefinition(fields(known))), []);
  t.end();
});

t.test('rules that may cost too much are refused by their worst case', async (t) => {
  const perItem = (message: number, part: number): object =>
    withA({
      type: 'array',
      maxItems: 20,
      items: {
        type: 'object',
        properties: { m: { type: 'string', maxLength: message }, p: { type: 'string', maxLength: part } },
        'x-kubernetes-validations': [{ rule: '!self.m.contains(self.p)' }],
      },
    });
  t.match(
    said(aDefinition(perItem(4_096, 4_096))).join(),
    /Forbidden: estimated rule cost exceeds budget by factor of 5.4x \(try simplifying the rule/,
    'the figure of a real server',
  );
  t.same(said(aDefinition(perItem(4_096, 512))), [], 'which a real server lets in');
  t.same(said(aDefinition(perItem(1_024, 1_024))), []);
  const unbounded = said(aDefinition(ruleOn(texts({}), 'self.list.all(a, self.list.exists(b, a == b))')));
  t.match(
    unbounded[0],
    /x-kubernetes-validations\[0\].rule: Forbidden: estimated rule cost exceeds budget by factor of more than 100x/,
  );
  t.match(
    unbounded[1],
    /openAPIV3Schema: Forbidden: x-kubernetes-validations estimated rule cost total for entire OpenAPIv3 schema exceeds budget by factor of more than 100x/,
  );
  t.same(
    said(
      aDefinition(ruleOn(texts({ maxItems: 50 }, { maxLength: 253 }), 'self.list.all(a, self.list.exists(b, a == b))')),
    ),
    [],
  );
  t.same(said(aDefinition(ruleOn(texts({ maxItems: 100 }), 'self.list.size() < 50'))), []);
});

t.test('no JSON value makes the check of a definition throw, however deep', async (t) => {
  const schema = fc.letrec((tie) => ({
    node: fc.oneof(
      { depthSize: 'small', withCrossShrink: true },
      fc.jsonValue(),
      fc.record(
        {
          type: fc.constantFrom('object', 'array', 'string', 'integer', 'x', 3),
          properties: fc.dictionary(fc.string(), tie('node')),
          items: tie('node'),
          additionalProperties: fc.oneof(tie('node'), fc.boolean()),
          anyOf: fc.array(tie('node')),
          default: fc.jsonValue(),
          enum: fc.array(fc.jsonValue()),
          pattern: fc.string(),
          'x-kubernetes-list-type': fc.constantFrom('set', 'map', 'x'),
          'x-kubernetes-list-map-keys': fc.array(fc.string()),
          'x-kubernetes-validations': fc.array(
            fc.record(
              { rule: fc.oneof(fc.string(), fc.constant('self == oldSelf')), fieldPath: fc.string() },
              { requiredKeys: [] },
            ),
          ),
        },
        { requiredKeys: [] },
      ),
    ),
  })).node;
  fc.assert(
    fc.property(schema, fc.jsonValue(), (node, value) => {
      validateCrd(aDefinition(node));
      validateCrd(aDefinition(plain, { versions: value, names: value }));
      validateCrd({ ...aDefinition(plain), spec: value } as KubeObject);
    }),
  );
  let deep: object = { type: 'string' };
  for (let level = 0; level < 20_000; level += 1) deep = withA(deep);
  t.match(said(aDefinition(deep))[0], /must not be nested deeper/);
});
