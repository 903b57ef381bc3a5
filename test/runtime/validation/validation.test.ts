import fc from 'fast-check';
import t from 'tap';
import { InvalidError } from '#runtime/base/errors.ts';
import { formatCheck } from '#runtime/validation/formats.ts';
import { formatIp, maskIp, parseIp, parseIpNetwork } from '#runtime/validation/ip-address.ts';
import { compileValidator, type JsonSchema } from '#runtime/validation/json-schema.ts';
import { compilePattern, patternFault } from '#runtime/validation/pattern.ts';

function words(schema: JsonSchema, value: unknown): readonly string[] {
  return compileValidator({ type: 'object', properties: { spec: schema } })({ spec: value }).map(
    ({ field, message }) => `${field}: ${message}`,
  );
}

interface Case {
  readonly why: string;
  readonly schema: JsonSchema;
  readonly value: unknown;
  readonly says: readonly string[];
}

const cases: readonly Case[] = [
  {
    why: 'above the maximum',
    schema: { maximum: 10 },
    value: 11,
    says: ['spec: Invalid value: 11: spec in body should be less than or equal to 10'],
  },
  {
    why: 'not above an exclusive minimum',
    schema: { exclusiveMinimum: 1 },
    value: 1,
    says: ['spec: Invalid value: 1: spec in body should be greater than 1'],
  },
  {
    why: 'no multiple',
    schema: { multipleOf: 2 },
    value: 5,
    says: ['spec: Invalid value: 5: spec in body should be a multiple of 2'],
  },
  {
    why: 'the wrong type',
    schema: { type: 'integer' },
    value: 'x',
    says: ['spec: Invalid value: "string": spec in body must be of type integer: "string"'],
  },
  {
    why: 'null where it may not be',
    schema: { type: 'string' },
    value: null,
    says: ['spec: Invalid value: "null": spec in body must be of type string: "null"'],
  },
  {
    why: 'neither of two types',
    schema: { type: ['integer', 'string'] },
    value: {},
    says: ['spec: Invalid value: "object": spec in body must be of type integer,string: "object"'],
  },
  {
    why: 'a missing field',
    schema: { type: 'object', required: ['a'] },
    value: {},
    says: ['spec.a: Required value'],
  },
  {
    why: 'a field that only the prototype has',
    schema: { type: 'object', required: ['toString'] },
    value: {},
    says: ['spec.toString: Required value'],
  },
  {
    why: 'none of the words',
    schema: { enum: ['a', 'b', 3] },
    value: 'c',
    says: ['spec: Unsupported value: "c": supported values: "a", "b", "3"'],
  },
  {
    why: 'a text that is too long',
    schema: { maxLength: 2 },
    value: 'äöü',
    says: ['spec: Too long: may not be more than 2 bytes'],
  },
  {
    why: 'a text that is too short',
    schema: { minLength: 1 },
    value: '',
    says: ['spec: Invalid value: "": spec in body should be at least 1 chars long'],
  },
  {
    why: 'another pattern',
    schema: { pattern: '^a+$' },
    value: 'b',
    says: ['spec: Invalid value: "b": spec in body should match \'^a+$\''],
  },
  {
    why: 'another format',
    schema: { format: 'ipv4' },
    value: '1.2.3',
    says: ['spec: Invalid value: "1.2.3": spec in body must be of type ipv4: "1.2.3"'],
  },
  { why: 'a format that nobody checks', schema: { format: 'nonsense' }, value: 'x', says: [] },
  {
    why: 'too many items',
    schema: { maxItems: 1 },
    value: [1, 2],
    says: ['spec: Too many: 2: must have at most 1 items'],
  },
  {
    why: 'too few items',
    schema: { minItems: 1 },
    value: [],
    says: ['spec: Invalid value: 0: spec in body should have at least 1 items'],
  },
  {
    why: 'an item of a list, and the key of a map',
    schema: { type: 'object', additionalProperties: { type: 'array', items: { type: 'boolean' } } },
    value: { 'a/b': [true, 1] },
    says: ['spec.a/b[1]: Invalid value: "integer": spec.a/b[1] in body must be of type boolean: "integer"'],
  },
  {
    why: 'no branch fits; the nearest one is told',
    schema: { anyOf: [{ required: ['a', 'b'] }, { required: ['c'] }] },
    value: {},
    says: ['spec.c: Required value', '<nil>: Invalid value: "": "spec" must validate at least one schema (anyOf)'],
  },
  {
    why: 'two branches fit',
    schema: { oneOf: [{ type: 'integer' }, { minimum: 0 }] },
    value: 1,
    says: [
      '<nil>: Invalid value: "": "spec" must validate one and only one schema (oneOf). Found 2 valid alternatives',
    ],
  },
  {
    why: 'what may not be',
    schema: { not: { type: 'integer' } },
    value: 1,
    says: ['<nil>: Invalid value: "": "spec" must not validate the schema (not)'],
  },
  {
    why: 'a field too many',
    schema: { type: 'object', additionalProperties: false },
    value: { x: 1 },
    says: ['spec: Invalid value: "x": spec.x in body is a forbidden property'],
  },
];

t.test('every fault is told in the words of a Kubernetes API server', async (t) => {
  for (const { why, schema, value, says } of cases) t.same(words(schema, value), says, why);
});

t.test('all faults of a value are told, up to a bound, and one only of a huge value', async (t) => {
  const validate = compileValidator({ type: 'array', items: { type: 'string' } });
  t.equal(validate([1, 2, 3]).length, 3);
  t.equal(validate(Array.from({ length: 1_000 }, () => 1)).length, 50);
  t.equal(validate(Array.from({ length: 1_000_000 }, () => 1)).length, 1);
});

t.test('no JSON value makes a validator throw', async () => {
  const validate = compileValidator({
    type: 'object',
    required: ['a', '__proto__'],
    properties: {
      a: { type: ['integer', 'null'], minimum: 0 },
      b: { type: 'array', items: { anyOf: [{ type: 'string', pattern: '^[a-z]*$' }, { required: ['x'] }] } },
      c: { type: 'object', additionalProperties: { type: 'string', format: 'date-time' } },
    },
  });
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      validate(value);
      validate({ a: value, b: [value], c: { x: value, ['__proto__']: value } });
    }),
  );
});

const hostile: readonly (readonly [string, string])[] = [
  ['^(a+)+$', `${'a'.repeat(20_000)}!`],
  ['^(a|aa)+$', `${'a'.repeat(20_000)}!`],
  ['^(a|a?)+$', `${'a'.repeat(20_000)}!`],
  ['(x+x+)+y', 'x'.repeat(20_000)],
  ['^([a-zA-Z0-9])(([\\-.]|[_]+)?([a-zA-Z0-9]+))*(@)$', `${'a'.repeat(20_000)}!`],
  ['^(.*?,){11}P', '1,'.repeat(10_000)],
  ['(.*)*(.*)*[^a]$', 'a'.repeat(5_000)],
  ['\\s+$', `${' '.repeat(20_000)}x`],
];

t.test('patterns that bring backtracking engines down take linear time', async (t) => {
  for (const [source, text] of hostile) {
    const pattern = compilePattern(source);
    // The first match builds the automaton.
    pattern.test(text.slice(0, 100));
    // The quickest of five: whoever has the processor meanwhile takes time from one of them, not from all.
    const times = Array.from({ length: 5 }, () => {
      const start = performance.now();
      pattern.test(text);
      return performance.now() - start;
    });
    t.ok(Math.min(...times) < 50, source);
  }
});

t.test('what RE2 cannot do is refused as a pattern', async (t) => {
  for (const source of ['(?=a)', '\\1', '[', 'a**', '((a{1,100}){1,100}){1,100}']) {
    t.throws(() => compilePattern(source), InvalidError, source);
    t.type(patternFault(source), 'string');
  }
  t.equal(patternFault('^[a-z]+$'), undefined);
});

const formats: Readonly<Record<string, { readonly good: readonly string[]; readonly bad: readonly string[] }>> = {
  email: { good: ['a.b+c@example.org'], bad: ['a', '@b', 'a b@c', 'a@b@'] },
  hostname: { good: ['a', 'a-b.example.org', 'A.b'], bad: ['', 'a..b', '-a', 'a b', `${'a'.repeat(64)}.org`] },
  ipv4: { good: ['127.0.0.1'], bad: ['01.2.3.4', '1.2.3', '::1', '256.1.1.1'] },
  ipv6: { good: ['::', '::1', '2001:db8::ffff:1.2.3.4'], bad: ['1.2.3.4', ':::', '1::2::3', 'g::', '1:2:3:4:5:6:7'] },
  cidr: { good: ['10.0.0.0/8', '::/0'], bad: ['10.0.0.0', '10.0.0.0/33', '::/129', '10.0.0.0/08'] },
  uri: { good: ['https://a.b/c?d#e', '/a', 'urn:x:y'], bad: ['a', '', 'http://', 'http://a b'] },
  date: { good: ['2026-02-28'], bad: ['2026-02-30', '2026-2-3'] },
  'date-time': {
    good: ['2026-01-01T00:00:00Z', '2026-01-01T00:00:00.5+02:00'],
    bad: ['2026-01-01', '2026-13-01T00:00:00Z', '2026-01-01T24:00:00Z'],
  },
  duration: { good: ['1h30m', '-1.5s', '0', '2 days'], bad: ['', '5', '1h-3m', 'x', '1'.repeat(100_000)] },
  byte: { good: ['', 'YQ==', 'YWJj'], bad: ['Y', 'YQ=', '*'] },
  uuid: { good: ['123e4567-e89b-12d3-a456-426614174000'], bad: ['123e4567'] },
  mac: { good: ['00:1b:44:11:3a:b7'], bad: ['00:1b:44'] },
  isbn: { good: ['978-3-16-148410-0', '316148410X'], bad: ['978-3-16-148410-1'] },
  creditcard: { good: ['4111 1111 1111 1111'], bad: ['4111111111111112'] },
  hexcolor: { good: ['#fff', 'abcdef'], bad: ['#ffff'] },
  rgbcolor: { good: ['rgb(1, 2,255)'], bad: ['rgb(1,2,256)'] },
  'k8s-short-name': { good: ['a-b'], bad: ['a.b', 'A'] },
  'k8s-long-name': { good: ['a-b.c'], bad: ['a..b', 'A'] },
};

t.test('formats accept what they mean and nothing else', async (t) => {
  for (const [name, { good, bad }] of Object.entries(formats)) {
    for (const text of good) t.equal(formatCheck(name)?.(text), true, `${name} takes ${text}`);
    for (const text of bad) t.equal(formatCheck(name)?.(text), false, `${name} refuses ${text.slice(0, 40)}`);
  }
  for (const unknown of ['constructor', 'IPv4', 'int32']) t.equal(formatCheck(unknown), undefined, unknown);
});

t.test('an address is written back as it was meant', async (t) => {
  for (const [text, canonical] of [
    ['2001:DB8:0:0:0:0:0:1', '2001:db8::1'],
    ['0:0:1::', '0:0:1::'],
    ['192.0.2.1', '192.0.2.1'],
  ]) {
    t.equal(formatIp(parseIp(text ?? '') ?? []), canonical);
  }
  t.equal(formatIp(maskIp(parseIpNetwork('192.0.2.255/25')?.bytes ?? [], 25)), '192.0.2.128');
  fc.assert(
    fc.property(fc.ipV6(), (text) => {
      const bytes = parseIp(text);
      return bytes === undefined || formatIp(parseIp(formatIp(bytes)) ?? []) === formatIp(bytes);
    }),
  );
});

t.test('a number that keeps its text counts as a number and never as an object', async (t) => {
  const validate = compileValidator({
    type: 'object',
    properties: { i: { type: 'integer' }, o: { type: 'object', isMap: true } },
  });
  t.same(validate({ i: JSON.rawJSON('1.0') }), []);
  t.same(
    validate({ i: JSON.rawJSON('1.5e0') }).map(({ field }) => field),
    ['i', '<nil>'],
    'told for its type and for its range, as Kubernetes does',
  );
  t.same(
    validate({ o: JSON.rawJSON('1.0') }).map(({ field }) => field),
    ['o'],
  );
});
