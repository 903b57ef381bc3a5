import fc from 'fast-check';
import t from 'tap';
import { roundTripObject } from '#runtime/apiserver/builtin/round-trip.ts';
import { builtinSchemas } from '#runtime/apiserver/builtin/schemas/index.ts';
import { compileSchema } from '#runtime/apiserver/schema/structural.ts';
import type { FieldFault } from '#runtime/base/errors.ts';
import type { Schema, ValidationRule } from '#schemas/meta/schema.ts';

const object = (properties: Readonly<Record<string, Schema>>, more: Schema = {}): Schema => ({
  type: 'object',
  properties,
  ...more,
});
const withSpec = (properties: Readonly<Record<string, Schema>>, more: Schema = {}): Schema =>
  object({
    apiVersion: { type: 'string' },
    kind: { type: 'string' },
    metadata: { type: 'object' },
    spec: object(properties, more),
  });
const text: Schema = { type: 'string' };
const said = (faults: readonly FieldFault[]): readonly string[] =>
  faults.map(({ field, message }) => `${field}: ${message}`);
const parsed = (json: string): object => JSON.parse(json) as object;

const wide = withSpec(
  {
    name: text,
    size: { type: 'integer', default: 1 },
    mode: { type: 'string', default: 'Auto', nullable: true },
    tags: { type: 'array', items: text, 'x-kubernetes-list-type': 'set', default: ['a'] },
    ports: {
      type: 'array',
      'x-kubernetes-list-type': 'map',
      'x-kubernetes-list-map-keys': ['port', 'protocol'],
      items: object(
        { port: { type: 'integer' }, protocol: { type: 'string', default: 'TCP' } },
        { required: ['port'] },
      ),
    },
    labels: { type: 'object', additionalProperties: text },
    parts: { type: 'object', additionalProperties: object({ on: { type: 'boolean', default: true } }) },
    open: object({ known: object({ a: text }) }, { 'x-kubernetes-preserve-unknown-fields': true }),
    template: object({ spec: object({ x: text }) }, { 'x-kubernetes-embedded-resource': true }),
    amount: { 'x-kubernetes-int-or-string': true },
    nested: object({ deep: { type: 'string', default: 'd' } }, { default: {} }),
    absent: object({ deep: { type: 'string', default: 'd' } }),
  },
  { required: ['name'] },
);

t.test('unknown fields go and are named; everything else is kept as the same value', async (t) => {
  const { prune } = compileSchema(wide);
  const clean = {
    apiVersion: 'a/v1',
    metadata: { anything: { at: 'all' } },
    spec: { name: 'x', labels: { any: 'thing' } },
  };
  t.equal(prune(clean).object, clean);
  const dirty = {
    spec: {
      nmae: 'x',
      ports: [{ port: 1 }, { port: 2, x: { y: 1 } }],
      open: { other: { z: 1 }, known: { a: 'b', c: 'd' } },
      template: { apiVersion: 'v1', kind: 'Pod', metadata: { labels: {} }, spec: { x: 'y', z: 1 } },
      parts: { a: { on: true, off: false } },
      amount: { of: 1 },
    },
    stuff: 1,
  };
  t.same(prune(dirty).unknown, [
    'spec.nmae',
    'spec.ports[1].x',
    'spec.open.known.c',
    'spec.template.spec.z',
    'spec.parts.a.off',
    'spec.amount.of',
    'stuff',
  ]);
  t.same(prune(dirty).object, {
    spec: {
      ports: [{ port: 1 }, { port: 2 }],
      open: { other: { z: 1 }, known: { a: 'b' } },
      template: { apiVersion: 'v1', kind: 'Pod', metadata: { labels: {} }, spec: { x: 'y' } },
      parts: { a: { on: true } },
      amount: {},
    },
  });
});

t.test(
  'a field called __proto__ is a field: pruned when unknown, kept when not, and nobody inherits from it',
  async (t) => {
    const { prune, applyDefaults } = compileSchema(wide);
    const unknown = prune(parsed('{"spec":{"name":"x","__proto__":{"size":9}}}'));
    t.same(unknown.unknown, ['spec.__proto__']);
    const kept = prune(parsed('{"spec":{"nope":1,"labels":{"__proto__":"y"},"parts":{"__proto__":{}}}}')).object;
    t.equal(JSON.stringify(kept), '{"spec":{"labels":{"__proto__":"y"},"parts":{"__proto__":{}}}}');
    t.equal(
      JSON.stringify(applyDefaults(parsed('{"spec":{"parts":{"__proto__":{}}}}'))).includes('"__proto__":{"on":true}'),
      true,
    );
    t.equal(({} as Record<string, unknown>)['size'], undefined);
  },
);

t.test(
  'defaults fill what is missing below what is there, and null counts as missing unless it is allowed',
  async (t) => {
    const { applyDefaults } = compileSchema(wide);
    const before = { spec: { name: null, mode: null, size: null, ports: [{ port: 1 }], parts: { a: {}, b: null } } };
    const copy = structuredClone(before);
    t.same(applyDefaults(before), {
      spec: {
        mode: null,
        size: 1,
        tags: ['a'],
        ports: [{ port: 1, protocol: 'TCP' }],
        parts: { a: { on: true } },
        nested: { deep: 'd' },
      },
    });
    t.same(before, copy, 'what was given is not changed');
    const complete = applyDefaults({ spec: { name: 'x' } });
    t.equal(applyDefaults(complete), complete);
    t.not(applyDefaults({ spec: {} }), applyDefaults({ spec: {} }));
    t.same(applyDefaults({}), {}, 'without its parent nothing is made');
  },
);

const anyValue = fc.oneof(
  fc.jsonValue(),
  fc.record(
    {
      name: fc.jsonValue(),
      ports: fc.array(fc.record({ port: fc.nat(), protocol: fc.jsonValue(), x: fc.jsonValue() })),
      open: fc.jsonValue(),
      template: fc.jsonValue(),
      parts: fc.dictionary(fc.string(), fc.jsonValue()),
      labels: fc.jsonValue(),
      amount: fc.jsonValue(),
      nested: fc.jsonValue(),
    },
    { requiredKeys: [] },
  ),
);

t.test('pruning and defaulting twice is the same as once, and nothing makes them or validation throw', async () => {
  const schema = compileSchema({
    ...wide,
    'x-kubernetes-validations': [
      { rule: 'has(self.spec) && self.spec.ports.all(p, p.port > 0) && self.spec.name.matches("^a+$")' },
    ],
  });
  fc.assert(
    fc.property(anyValue, anyValue, (value, old) => {
      const once = schema.prune({ spec: value }).object;
      if (schema.prune(once).object !== once) return false;
      const filled = schema.applyDefaults(once);
      if (schema.applyDefaults(filled) !== filled) return false;
      schema.validate(filled);
      schema.validate(filled, { spec: old });
      schema.validate(value);
      return true;
    }),
  );
});

t.test('numbers that keep their text pass through and are seen as numbers', async (t) => {
  const schema = compileSchema(
    withSpec(
      { i: { type: 'integer' }, o: object({ a: { type: 'string', default: 'b' } }), n: { type: 'number' } },
      { 'x-kubernetes-validations': [{ rule: 'self.i > 9007199254740992' }] },
    ),
  );
  const run = (spec: unknown): readonly string[] =>
    said(schema.validate(schema.applyDefaults(schema.prune({ spec }).object)));
  t.same(run({ i: JSON.rawJSON('9007199254740993') }), []);
  t.same(run({ i: JSON.rawJSON('1.0') }), ['spec: Invalid value: failed rule: self.i > 9007199254740992']);
  t.match(
    run({ i: JSON.rawJSON('9007199254740993'), o: JSON.rawJSON('1.0') })[0],
    /^spec.o: Invalid value: "integer": spec.o in body must be of type object/,
  );
});

t.test('a format binds values of the type that it belongs to', async (t) => {
  const { validate } = compileSchema(
    withSpec({
      small: { type: 'integer', format: 'int32' },
      ratio: { type: 'number', format: 'int32' },
      address: { type: 'string', format: 'ipv4' },
      spelled: { type: 'string', format: 'IPv4' },
    }),
  );
  t.equal(validate({ spec: { small: 2 ** 31 } }).length, 1);
  t.equal(validate({ spec: { address: 'x' } }).length, 1);
  t.same(validate({ spec: { ratio: 2 ** 31, spelled: 'x' } }), []);
});

t.test('lists of type set and map have no duplicates', async (t) => {
  const { validate } = compileSchema(wide);
  t.same(said(validate({ spec: { name: 'x', tags: ['a', 'b', 'a'] } })), ['spec.tags[2]: Duplicate value: "a"']);
  const ports = [
    { port: 1, protocol: 'TCP' },
    { port: 1, protocol: 'UDP' },
    { port: 1, protocol: 'TCP' },
  ];
  t.same(said(validate({ spec: { name: 'x', ports } })), [
    'spec.ports[2]: Duplicate value: {"port":1,"protocol":"TCP"}',
  ]);
});

t.test('a resource in an object says what it is, and has metadata such as any object', async (t) => {
  const { validate } = compileSchema(wide);
  const templated = (template: object): object => ({ spec: { name: 'x', template } });
  const typed = { apiVersion: 'a.b/v1', kind: 'Web' };
  const nulls = { name: null, labels: null, ownerReferences: null };
  for (const metadata of [undefined, null, nulls, { name: '' }, { name: 'Web:1', labels: { a: 'b' } }])
    t.same(validate(templated({ ...typed, metadata })), [], JSON.stringify(metadata));
  const lacks = ['spec.template.apiVersion: Required value', 'spec.template.kind: Required value'];
  t.same(said(validate(templated({}))), lacks);
  t.same(said(validate(templated({}), undefined, { isForeign: true })), lacks, 'whatever the object is itself');
  t.same(validate(templated({}), templated({})), [], 'an update may leave it');
  const says: readonly (readonly [object, RegExp])[] = [
    [{ apiVersion: '' }, /^spec.template.apiVersion: Invalid value: "": must not be empty$/u],
    [{ apiVersion: 'a/b/c' }, /^spec.template.apiVersion: .* unexpected GroupVersion string: a\/b\/c$/u],
    [{ kind: 7 }, /^spec.template.kind: Invalid value: 7: must be a string$/u],
    [{ kind: 'A Web' }, /^spec.template.kind: .* should otherwise match: a DNS-1035 label/u],
    [{ metadata: { name: 'a/b' } }, /^spec.template.metadata.name: .* may not contain '\/'$/u],
    [{ metadata: { labels: { 'a b': '' } } }, /^spec.template.metadata.labels: Invalid value: "a b"/u],
    [{ metadata: { finalizers: [7] } }, /^spec.template.metadata.finalizers: Invalid value: 7/u],
    [{ metadata: { labels: { a: 7 } } }, /^spec.template.metadata: .*labels.a: must be a string$/u],
    [{ metadata: 7 }, /^spec.template.metadata: .* must be an object$/u],
  ];
  for (const [change, words] of says) {
    const faults = said(validate(templated({ ...typed, ...change })));
    t.equal(faults.length, 1, faults.join());
    t.match(faults[0], words);
  }
});

t.test('an update is not blamed for what it leaves as it is', async (t) => {
  const { validate } = compileSchema(
    withSpec({
      a: { type: 'string', maxLength: 1 },
      b: { type: 'string', 'x-kubernetes-validations': [{ rule: 'size(self) == 1' }] },
      list: { type: 'array', items: { type: 'integer', maximum: 1 } },
      map: {
        type: 'array',
        'x-kubernetes-list-type': 'map',
        'x-kubernetes-list-map-keys': ['k'],
        items: object({ k: text, v: { type: 'integer', maximum: 1 } }, { required: ['k'] }),
      },
      set: { type: 'array', items: text, 'x-kubernetes-list-type': 'set' },
    }),
  );
  const old = { spec: { a: 'long', b: 'long', list: [9], map: [{ k: 'x', v: 9 }], set: ['a', 'a'] } };
  t.same(validate({ spec: { ...old.spec } }, old), []);
  t.same(
    validate(
      {
        spec: {
          ...old.spec,
          map: [
            { k: 'y', v: 1 },
            { k: 'x', v: 9 },
          ],
        },
      },
      old,
    ),
    [],
    'items are found by key',
  );
  t.same(said(validate({ spec: { ...old.spec, list: [1, 9] } }, old)), [
    'spec.list[1]: Invalid value: 9: spec.list[1] in body should be less than or equal to 1',
  ]);
  t.equal(validate({ spec: { ...old.spec, set: ['a', 'a', 'b'] } }, old).length, 1);
  t.equal(validate({ spec: { ...old.spec, b: 'other' } }, old).length, 1);
  t.same(said(validate({ spec: { ...old.spec, a: 'other' } }, old)), [
    'spec.a: Too long: may not be more than 1 bytes',
    '<nil>: Invalid value: null: some validation rules were not checked because the object was invalid; correct the existing errors to complete validation',
  ]);
  t.equal(validate(old).length > 3, true, 'a new object is blamed for everything');
});

interface RuleCase {
  readonly rule: string;
  readonly spec: unknown;
  readonly old?: unknown;
  /** Undefined: the rule holds. */
  readonly says?: string;
}

const int: Schema = { type: 'integer' };
const fields: Readonly<Record<string, Schema>> = {
  a: int,
  b: int,
  s: text,
  d: { type: 'number' },
  on: { type: 'boolean' },
  when: { type: 'string', format: 'date-time' },
  wait: { type: 'string', format: 'duration' },
  io: { 'x-kubernetes-int-or-string': true },
  list: { type: 'array', items: int },
  words: { type: 'array', items: text },
  set: { type: 'array', items: text, 'x-kubernetes-list-type': 'set' },
  map: { type: 'object', additionalProperties: text },
  objects: { type: 'array', items: object({ name: text, n: int }) },
  inner: object({ x: text }),
  maybe: { type: 'string', nullable: true },
  'x-y.z/q': text,
  namespace: text,
  a__b: text,
};

const failedRule = (rule: string): string => `spec: Invalid value: failed rule: ${rule}`;

const ruleCases: readonly RuleCase[] = [
  { rule: 'self.a <= self.b', spec: { a: 1, b: 2 } },
  { rule: 'self.a <= self.b', spec: { a: 2, b: 1 }, says: failedRule('self.a <= self.b') },
  {
    rule: 'self.a <= self.b',
    spec: { a: 2 },
    says: 'spec: Invalid value: "object": no such key: b evaluating rule: self.a <= self.b',
  },
  { rule: '!has(self.a) || self.a / 2 == 1', spec: { a: 3 } },
  { rule: 'self.b == 1 || self.a == 1', spec: { a: 1 } },
  { rule: 'self.list.all(x, x > 0) && (self.on || self.a == 1) && has(self.a)', spec: { a: 1, list: [1] } },
  ...[
    'self.b == 1 || self.s == "x"',
    'self.b == 1 && self.s == "x"',
    'self.objects.all(o, o.n == self.b) || self.s == "x"',
    'self.a == 2 || self.b == 1 || self.s == "x" || self.d > 0.5',
  ].map((rule) => ({
    rule,
    spec: { a: 1, objects: [{ n: 1 }] },
    says: `spec: Invalid value: "object": no such key: b evaluating rule: ${rule}`,
  })),
  { rule: 'has(self.maybe)', spec: { maybe: null }, says: failedRule('has(self.maybe)') },
  { rule: 'self.d > 0.5 && self.d < 2', spec: { d: 1 } },
  { rule: 'type(self.io) == int ? self.io < 10 : self.io.endsWith("%")', spec: { io: '5%' } },
  { rule: 'type(self.io) == int ? self.io < 10 : self.io.endsWith("%")', spec: { io: 5 } },
  {
    rule: 'self.x__dash__y__dot__z__slash__q + self.__namespace__ + self.a__underscores__b == "123"',
    spec: { 'x-y.z/q': '1', namespace: '2', a__b: '3' },
  },
  {
    rule: 'self.list.all(x, x > 0) && self.list.exists_one(x, x == 2) && self.list.filter(x, x > 1).map(x, x * 2) == [4]',
    spec: { list: [1, 2] },
  },
  {
    rule: 'self.list.sum() == 6 && self.list.min() == 1 && self.list.max() == 3 && self.list.isSorted() && self.list.indexOf(3) == 2',
    spec: { list: [1, 2, 3] },
  },
  { rule: '2 in self.list && !(5 in self.list) && self.list[0] == 1 && size(self.list) == 2', spec: { list: [1, 2] } },
  { rule: 'self.set == ["b", "a"] && "a" in self.set', spec: { set: ['a', 'b'] } },
  { rule: '"k" in self.map && self.map["k"] == "v" && self.map.all(k, k.size() == 1)', spec: { map: { k: 'v' } } },
  {
    rule: 'self.objects.exists(o, o.name == "b" && o.n == 2) && self.objects[0] != self.objects[1]',
    spec: { objects: [{ name: 'a' }, { name: 'b', n: 2 }] },
  },
  { rule: 'self.objects[0] == self.objects[1]', spec: { objects: [{ name: 'a' }, { name: 'a' }] } },
  { rule: '[has(self.a), has(self.b), has(self.inner)].filter(x, x).size() == 1', spec: { inner: {} } },
  {
    rule: 'self.when < timestamp("2026-01-01T00:00:00Z") && self.wait <= duration("1h30m")',
    spec: { when: '2025-12-31T23:59:59Z', wait: '90m' },
  },
  {
    rule: 'self.s.lowerAscii() == "äb" && self.s.upperAscii() == "äB" && self.s.charAt(0) == "ä" && self.s.substring(1) == "b"',
    spec: { s: 'äb' },
  },
  { rule: 'self.s.indexOf("b") == 1 && self.s.lastIndexOf("b") == 3 && self.s.size() == 4', spec: { s: '😀b😀b' } },
  {
    rule: 'self.s.split(".") == ["a", "b", "c"] && self.s.split(".", 2).join("-") == "a-b.c" && self.s.replace(".", "/", 1) == "a/b.c"',
    spec: { s: 'a.b.c' },
  },
  {
    rule: 'self.s.matches("^[a-z]+$") && matches(self.s, "b") && self.s.find("[bc]+") == "bc" && self.s.findAll("[a-z]", 2) == ["a", "b"]',
    spec: { s: 'abc' },
  },
  { rule: '"%s has %d of %.1f".format([self.s, self.a, self.d]) == "x has 2 of 1.5"', spec: { s: 'x', a: 2, d: 1.5 } },
  {
    rule: 'quantity(self.s).isLessThan(quantity("1Gi")) && quantity("1k").asInteger() == 1000 && quantity("500m").add(quantity("500m")) == quantity("1") && !isQuantity("1X")',
    spec: { s: '512Mi' },
  },
  {
    rule: 'cidr("10.0.0.0/8").containsIP(self.s) && ip(self.s).family() == 4 && !isIP("x") && cidr("10.0.0.0/8").containsCIDR("10.1.0.0/16") && string(cidr("10.1.2.3/8").masked()) == "10.0.0.0/8" && ip.isCanonical("::1")',
    spec: { s: '10.1.2.3' },
  },
  {
    rule: 'url(self.s).getScheme() == "https" && url(self.s).getHost() == "a.b:443" && url(self.s).getPort() == "443" && url(self.s).getEscapedPath() == "/c" && url(self.s).getQuery()["d"] == ["e"] && !isURL("x")',
    spec: { s: 'https://a.b:443/c?d=e' },
  },
  {
    rule: '!format.dns1123Label().validate(self.s).hasValue() && format.named("uuid").value().validate(self.s).hasValue()',
    spec: { s: 'a-b' },
  },
  {
    rule: 'sets.contains(self.words, ["a"]) && sets.intersects(self.words, ["b", "x"]) && sets.equivalent(self.words, ["b", "a"])',
    spec: { words: ['a', 'b'] },
  },
  {
    rule: 'self.?s.orValue("x") == "x" && self.?inner.?x.hasValue() == false && optional.of(1).optMap(v, v + 1).value() == 2',
    spec: {},
  },
  { rule: 'cel.bind(twice, self.a * 2, twice + twice == 8)', spec: { a: 2 } },
  {
    rule: 'self.words.distinct().sort() == ["a", "b"] && [[1], [2]].flatten() == [1, 2] && self.words.slice(0, 1).reverse() == ["b"]',
    spec: { words: ['b', 'a', 'b'] },
  },
  {
    rule: 'self.a + 9223372036854775807 > 0',
    spec: { a: 1 },
    says: 'spec: Invalid value: "object": integer overflow: 9223372036854775808 evaluating rule: self.a + 9223372036854775807 > 0',
  },
  {
    rule: 'self.a / 0 == 1',
    spec: { a: 1 },
    says: 'spec: Invalid value: "object": division by zero evaluating rule: self.a / 0 == 1',
  },
  { rule: 'self.a == oldSelf.a', spec: { a: 1 } },
  { rule: 'self.a == oldSelf.a', spec: { a: 1 }, old: { a: 2 }, says: failedRule('self.a == oldSelf.a') },
];

const underRule = (rule: ValidationRule): Schema => withSpec(fields, { 'x-kubernetes-validations': [rule] });

t.test('rules mean what they mean in Kubernetes', async (t) => {
  for (const { rule, spec, old, says } of ruleCases) {
    const faults = compileSchema(underRule({ rule })).validate({ spec }, old === undefined ? undefined : { spec: old });
    t.same(said(faults), says === undefined ? [] : [says], rule);
  }
});

t.test('messages, reasons and paths of rules reach the fault', async (t) => {
  const check = (rule: ValidationRule, spec: unknown): readonly FieldFault[] =>
    compileSchema(underRule(rule)).validate({ spec });
  t.same(said(check({ rule: 'false', message: 'no way' }, {})), ['spec: Invalid value: no way']);
  t.same(said(check({ rule: 'false', message: 'no', messageExpression: '"a is " + string(self.a)' }, { a: 5 })), [
    'spec: Invalid value: a is 5',
  ]);
  t.same(
    said(check({ rule: 'false', message: 'no', messageExpression: 'string(self.a)' }, {})),
    ['spec: Invalid value: no'],
    'a message that cannot be made',
  );
  t.same(check({ rule: 'false', message: 'no', reason: 'FieldValueForbidden', fieldPath: '.inner.x' }, {}), [
    { field: 'spec.inner.x', reason: 'FieldValueForbidden', message: 'Forbidden: no' },
  ]);
  t.same(said(check({ rule: 'false', message: 'no', fieldPath: ".map['k']" }, { map: { k: 'v' } })), [
    'spec.map.k: Invalid value: no',
  ]);
  t.same(check({ rule: 'false', message: 'no', reason: 'FieldValueRequired' }, {})[0]?.message, 'Required value: no');
});

t.test('rules below maps, keyed lists and the object itself find their old values', async (t) => {
  const immutable: ValidationRule = { rule: 'self == oldSelf', message: 'immutable' };
  const { validate } = compileSchema(
    withSpec({
      map: { type: 'object', additionalProperties: { ...text, 'x-kubernetes-validations': [immutable] } },
      list: {
        type: 'array',
        'x-kubernetes-list-type': 'map',
        'x-kubernetes-list-map-keys': ['k'],
        items: object({ k: text, v: { ...text, 'x-kubernetes-validations': [immutable] } }, { required: ['k'] }),
      },
      born: {
        ...text,
        'x-kubernetes-validations': [{ rule: 'oldSelf.hasValue() || self == "new"', optionalOldSelf: true }],
      },
    }),
  );
  const old = {
    spec: {
      map: { a: '1' },
      list: [
        { k: 'x', v: '1' },
        { k: 'y', v: '1' },
      ],
    },
  };
  t.same(
    validate(
      {
        spec: {
          map: { a: '1', b: '2' },
          list: [
            { k: 'y', v: '1' },
            { k: 'z', v: '9' },
          ],
        },
      },
      old,
    ),
    [],
  );
  t.same(said(validate({ spec: { map: { a: '2' }, list: [{ k: 'y', v: '2' }] } }, old)), [
    'spec.map.a: Invalid value: "2": immutable',
    'spec.list[0].v: Invalid value: "2": immutable',
  ]);
  t.same(said(validate({ spec: { born: 'old' } })).length, 1);
  t.same(validate({ spec: { born: 'new' } }), []);
  const named = compileSchema({
    ...withSpec({}),
    'x-kubernetes-validations': [{ rule: 'self.metadata.name.startsWith("a") && self.kind == "K"' }],
  });
  t.same(named.validate({ kind: 'K', metadata: { name: 'abc' } }), []);
  t.equal(named.validate({ kind: 'K', metadata: { name: 'bcd' } }).length, 1);
});

t.test('hostile rules and values end in bounded time', async (t) => {
  const numbers = Array.from({ length: 3_000 }, (_, index) => index);
  const long = 'a'.repeat(200_000);
  const hostile: readonly (readonly [string, unknown])[] = [
    ['self.list.all(x, self.list.all(y, self.list.all(z, x + y + z >= 0)))', { list: numbers }],
    ['self.list.all(x, self.list.exists(y, self.list.exists(z, false)) || true)', { list: numbers }],
    ['self.list.map(x, self.list.map(y, self.list)).size() > 0', { list: numbers }],
    ['self.list.all(x, self.list.filter(y, y in self.list).size() >= 0)', { list: numbers }],
    ['self.list.all(x, self.s.matches("^(a+)+$"))', { list: numbers, s: `${long}!` }],
    ['self.list.all(x, self.s.contains("ab"))', { list: numbers, s: long }],
    ['self.list.all(x, self.s.replace("a", "aa").size() > 0)', { list: numbers, s: long }],
    ['duration(self.s) > duration("1h")', { s: '1'.repeat(200_000) }],
    ['self.s.matches(self.s)', { s: '('.repeat(100_000) }],
  ];
  for (const [rule, spec] of hostile) {
    const { validate } = compileSchema(underRule({ rule }));
    validate({ spec: {} });
    const start = process.cpuUsage();
    const faults = validate({ spec });
    const { user } = process.cpuUsage(start);
    t.ok(user < 2_000_000, `${rule} took ${user} µs`);
    t.equal(faults.length, 1, rule);
  }
});

t.test('a built-in object is written as Kubernetes writes a struct', (t) => {
  const written = (kind: string, fields: object): unknown => {
    const schema = builtinSchemas[kind] ?? {};
    const { apiVersion: _, kind: __, metadata: ___, ...rest } = roundTripObject(schema, fields as never);
    return rest;
  };
  t.same(written('core/v1/ConfigMap', { data: {}, immutable: false }), { immutable: false }, 'a pointer is kept');
  t.same(written('core/v1/ResourceQuota', { spec: { hard: { cpu: '2000m' } } }), {
    spec: { hard: { cpu: '2' } },
    status: {},
  });
  t.same(written('rbac.authorization.k8s.io/v1/Role', { rules: [] }), { rules: null }, 'a list that is always there');
  t.same(written('coordination.k8s.io/v1/Lease', { spec: { renewTime: '2020-01-01T01:00:00.000001+01:00' } }), {
    spec: { renewTime: '2020-01-01T00:00:00.000001Z' },
  });
  t.same(written('core/v1/Secret', { data: 'text' }), { data: 'text' }, 'another type is for validation to refuse');
  const faults: readonly (readonly [string, object, RegExp])[] = [
    ['core/v1/Secret', { data: { a: 'a.b' } }, /^illegal base64 data at input byte 1$/],
    ['coordination.k8s.io/v1/Lease', { spec: { renewTime: '2020-01-01T00:00:00Z' } }, /cannot parse "Z" as ".000000"$/],
    ['core/v1/ResourceQuota', { spec: { hard: { cpu: 'much' } } }, /^quantities must match/],
  ];
  for (const [kind, fields, message] of faults) t.throws(() => written(kind, fields), { message });
  t.end();
});
