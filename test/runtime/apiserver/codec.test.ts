import fc from 'fast-check';
import t from 'tap';
import { exactNumber, isExactNumber, isInteger, isMap, numberOf } from '#runtime/apiserver/codec/exact-number.ts';
import { parseJson, stringifyJson } from '#runtime/apiserver/codec/json.ts';
import {
  jsonType,
  metaOffers,
  negotiateAccept,
  parseContentType,
  plainOffers,
  protobufType,
  yamlType,
} from '#runtime/apiserver/codec/media-type.ts';
import { encodeProtobuf } from '#runtime/apiserver/codec/protobuf-encode.ts';
import { decodeProtobuf, isProtobuf } from '#runtime/apiserver/codec/protobuf.ts';
import { parseYaml, stringifyYaml } from '#runtime/apiserver/codec/yaml.ts';
import { ApiError } from '#runtime/base/errors.ts';
import { kubectlBodies } from '#test/golden/protobuf/kubectl-bodies.ts';

const refusal = (act: () => unknown): ApiError => {
  try {
    act();
  } catch (err) {
    if (err instanceof ApiError) return err;
    throw err;
  }
  throw new Error('nothing was thrown');
};

t.test('numbers survive reading and writing as they were written', (t) => {
  const texts = [
    '{"a":9007199254740993}',
    '[1.0,1,1e3,-0,0,-0.0,1.5,0.10,1E-7,10.25]',
    '123456789012345.12345678',
    '-9223372036854775808',
    '{"nested":[{"x":18446744073709551615}],"text":"1.0, 1e5"}',
  ];
  for (const text of texts) t.equal(stringifyJson(parseJson(text).value), text, text);
  t.end();
});

t.test('a number that keeps its text still tells its value and whether it is an integer', (t) => {
  const big = exactNumber('9007199254740993');
  t.ok(isExactNumber(big));
  t.equal(numberOf(big), 9007199254740992);
  t.ok(isInteger(big));
  t.notOk(isInteger(exactNumber('1.0')), '1.0 is a number and no integer');
  t.notOk(isInteger(1.5));
  t.notOk(isMap(big));
  t.equal(exactNumber('12'), 12);
  t.equal(numberOf('12'), undefined);
  t.end();
});

t.test('every JSON value that can be written can be read back the same', (t) => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      const text = JSON.stringify(value);
      t.equal(stringifyJson(parseJson(text, { findDuplicates: true }).value), text);
      t.same(parseJson(text, { findDuplicates: true }).duplicates, []);
    }),
    { numRuns: 200 },
  );
  t.end();
});

t.test('a key __proto__ is a key like any other and changes no prototype', (t) => {
  const { value } = parseJson('{"__proto__":{"admin":true},"constructor":1,"n":1.0}');
  t.equal(stringifyJson(value), '{"__proto__":{"admin":true},"constructor":1,"n":1.0}');
  t.equal((value as Record<string, unknown>)['admin'], undefined);
  t.end();
});

t.test('keys that stand twice are named by their path, each once', (t) => {
  const text = '{"a":1,"b":{"c":1,"c":2,"c":3},"l":[{"x":1},{"x":1,"x":2,"y\\"z":0,"y\\"z":0}],"a":"\\"a\\":1"}';
  t.same(parseJson(text, { findDuplicates: true }).duplicates, ['b.c', 'l[1].x', 'l[1].y"z', 'a']);
  t.same(parseJson(text).duplicates, [], 'nobody asked');
  t.same(parseJson('{"a":{"b":"x: {\\"b\\": 1}"},"c":["a","a"]}', { findDuplicates: true }).duplicates, []);
  t.end();
});

t.test('what is no JSON is refused with 400 in the words of Kubernetes', (t) => {
  const cases: readonly (readonly [string, string])[] = [
    ['{"a":x}', "invalid character 'x' looking for beginning of value"],
    ['{"a":1', 'unexpected end of JSON input'],
    ['', 'unexpected end of JSON input'],
    ['"a', 'unexpected end of JSON input'],
    ['{"a" 1}', "invalid character '1' after object key"],
    ['{"a":1}x', "invalid character 'x' after top-level value"],
    ['{a:1}', "invalid character 'a' looking for beginning of object key string"],
    ['{"a":"\n"}', "invalid character '\\n' in string literal"],
    ['[1e999]', 'cannot unmarshal number 1e999 into a value of type float64'],
  ];
  for (const [text, words] of cases) {
    const error = refusal(() => parseJson(text));
    t.equal(error.status, 400);
    t.equal(error.reason, 'BadRequest');
    t.equal(error.message, `couldn't get version/kind; json parse error: ${words}`);
  }
  t.end();
});

t.test('nesting is bounded, whether or not numbers must be kept', (t) => {
  const deep = (inner: string): string => `${'['.repeat(100_000)}${inner}${']'.repeat(100_000)}`;
  for (const inner of ['', '1.0', '"[["']) t.match(refusal(() => parseJson(deep(inner))).message, /exceeded max depth/);
  t.same(parseJson('[[[]]]', { maxDepth: 3 }).value, [[[]]]);
  t.match(refusal(() => parseJson('[[[[]]]]', { maxDepth: 3 })).message, /exceeded max depth/);
  t.end();
});

t.test('YAML is read as kubectl reads it', (t) => {
  const read = (text: string): unknown => JSON.parse(stringifyJson(parseYaml(text).value));
  t.same(read('{a: yes, b: Off, c: on, d: "yes", e: ~, f: 012, g: 12:30, h: 2001-01-01, i: 0x10, j: 1.5}'), {
    a: true,
    b: false,
    c: true,
    d: 'yes',
    e: null,
    f: 10,
    g: '12:30',
    h: '2001-01-01',
    i: 16,
    j: 1.5,
  });
  t.equal(
    stringifyJson(parseYaml('big: 9007199254740993\nf: 1.0').value),
    '{"big":9007199254740993,"f":1}',
    'integers keep their value',
  );
  t.same(read('base: &b {x: 1, z: 2}\nd:\n  <<: *b\n  z: 3\n'), { base: { x: 1, z: 2 }, d: { x: 1, z: 3 } });
  t.same(read('1: a\ntrue: b\n'), { 1: 'a', true: 'b' }, 'keys become text');
  t.same(read('{"a": 1}'), { a: 1 }, 'JSON is YAML');
  t.equal(parseYaml('').value, null);
  t.equal(stringifyJson(parseYaml('__proto__: {a: 1}').value), '{"__proto__":{"a":1}}');
  t.end();
});

t.test('keys that stand twice in YAML are named by their path', (t) => {
  t.same(parseYaml('a: 1\na: 2\nb:\n- c: 1\n- c: 1\n  c: 2\n').duplicates, ['a', 'b[1].c']);
  t.same(parseYaml('{"a":1,"a":2}').duplicates, ['a']);
  t.same(parseYaml('x: &x {a: 1}\ny:\n  <<: *x\n  <<: *x\n').duplicates, [], 'merging twice is no duplicate');
  t.end();
});

t.test('YAML that cannot be meant is refused with 400', (t) => {
  const bomb = `a: &a [${'x,'.repeat(9)}x]\n${'bcdefghi'
    .split('')
    .map((c, i) => `${c}: &${c} [${Array(9).fill(`*${'abcdefgh'[i]}`).join(',')}]`)
    .join('\n')}`;
  const cases: readonly (readonly [string, RegExp])[] = [
    ['a: 1\n---\nb: 2\n', /expected one document/],
    ['a: [1', /line 1/],
    ['a: .inf', /unsupported value/],
    ['a: *b', /alias/],
    [bomb, /alias/],
    [`a: ${'['.repeat(5_000)}${']'.repeat(5_000)}`, /./],
  ];
  for (const [text, words] of cases) {
    const error = refusal(() => parseYaml(text));
    t.equal(error.status, 400);
    t.match(error.message, words);
  }
  t.end();
});

t.test('YAML that costs more than its length is refused, and JSON of any length is read', (t) => {
  const items = (count: number): string => JSON.stringify({ a: Array(count).fill('a') });
  const cases: readonly (readonly [string, number, RegExp])[] = [
    [`x:\n  ${'? '.repeat(480)}a`, 400, /yaml: line 2: a list or mapping may not be a key$/],
    ['{[a]: 1}', 400, /may not be a key$/],
    ['- '.repeat(2_000), 400, /exceeded max depth$/],
    [Array.from({ length: 8_000 }, (_, n) => `- &a${n} x\n- *a${n}`).join('\n'), 400, /more than 1000 aliases$/],
    [`- &a [${'x,'.repeat(5_000)}]\n${'- *a\n'.repeat(900)}`, 400, /repeat more than 10000 nodes$/],
    [`- &a ${'x'.repeat(100_000)}\n${'- *a\n'.repeat(10)}`, 400, /repeat more than 10000 nodes$/],
    ['&a [*a]', 400, /the alias \*a stands within what it stands for$/],
    [`# YAML\n${items(60_000)}`, 413, /more than 100000 tokens; send it as JSON, of which more is read$/],
    // Whoever meant JSON hears where it is none.
    [`[${','.repeat(260_000)}`, 400, /json parse error: invalid character ','/],
    [`a: ${'1'.repeat(1_572_864)}`, 413, /YAML is read up to 1572864 bytes; send it as JSON/],
  ];
  for (const [text, status, words] of cases) {
    const error = refusal(() => parseYaml(text));
    t.equal(error.status, status);
    t.match(error.message, words);
  }
  t.equal((parseYaml(items(700_000)).value as { readonly a: readonly string[] }).a.length, 700_000);
  t.equal((parseYaml(`# YAML\n${items(20_000)}`).value as { readonly a: readonly string[] }).a.length, 20_000);
  t.equal(parseYaml(`a: ${'word '.repeat(300_000)}`).duplicates.length, 0, 'a long text is one token');
  t.equal(parseYaml(Array.from({ length: 400 }, (_, n) => `k${n % 200}: 1\n`).join('')).duplicates.length, 100);
  t.end();
});

t.test('written YAML is sorted, keeps numbers and reads back the same', (t) => {
  t.equal(
    stringifyYaml({ b: 1, a: exactNumber('1.0'), n: exactNumber('9007199254740993') }),
    'a: 1.0\nb: 1\n"n": 9007199254740993\n',
  );
  fc.assert(
    fc.property(
      fc.dictionary(
        fc.string(),
        fc.oneof(fc.string(), fc.integer(), fc.boolean(), fc.constant(null), fc.array(fc.string())),
      ),
      (value) => {
        t.same(JSON.parse(stringifyJson(parseYaml(stringifyYaml(value)).value)), JSON.parse(JSON.stringify(value)));
      },
    ),
    { numRuns: 100 },
  );
  t.end();
});

t.test('protobuf bodies of kubectl become the objects that its JSON bodies were', (t) => {
  for (const { why, base64, object } of kubectlBodies) {
    const body = Buffer.from(base64, 'base64');
    t.ok(isProtobuf(body), why);
    t.same(decodeProtobuf(body), object, why);
  }
  t.end();
});

t.test('what is written as protobuf is read back the same', (t) => {
  const meta = {
    name: 'a',
    labels: { app: 'x' },
    creationTimestamp: '2024-01-02T03:04:05Z',
    finalizers: ['a/b'],
    ownerReferences: [{ kind: 'K', name: 'n', uid: 'u', apiVersion: 'v1', controller: false }],
    managedFields: [
      {
        manager: 'm',
        operation: 'Apply',
        apiVersion: 'v1',
        fieldsType: 'FieldsV1',
        fieldsV1: { 'f:data': { 'f:a': {} } },
      },
    ],
  };
  const objects = [
    { apiVersion: 'v1', kind: 'Secret', metadata: meta, data: { k: 'aGVsbG8=', empty: '' }, immutable: false },
    {
      apiVersion: 'coordination.k8s.io/v1',
      kind: 'Lease',
      metadata: meta,
      spec: {
        holderIdentity: '',
        leaseDurationSeconds: 0,
        renewTime: '2024-01-02T03:04:05.123456Z',
        acquireTime: '1969-12-31T23:59:58.000001Z',
      },
    },
    {
      apiVersion: 'v1',
      kind: 'Event',
      metadata: meta,
      involvedObject: { kind: 'Domain', name: 'x' },
      reason: 'Ready',
      source: {},
      firstTimestamp: '2024-01-02T03:04:05Z',
      count: 3,
      series: { count: 2, lastObservedTime: '2024-01-02T03:04:05.000000Z' },
    },
    { apiVersion: 'autoscaling/v1', kind: 'Scale', metadata: meta, spec: {}, status: { replicas: 0 } },
    {
      apiVersion: 'v1',
      kind: 'DeleteOptions',
      gracePeriodSeconds: -1,
      preconditions: { uid: 'u' },
      orphanDependents: false,
      dryRun: ['All'],
    },
    { apiVersion: 'wcp.example/v1', kind: 'DeleteOptions', propagationPolicy: 'Foreground' },
    {
      apiVersion: 'authorization.k8s.io/v1',
      kind: 'SubjectAccessReview',
      metadata: {},
      spec: { user: 'u', extra: { scopes: ['a', 'b'], none: [] }, nonResourceAttributes: { path: '/x', verb: 'get' } },
      status: { allowed: false },
    },
    {
      apiVersion: 'apiextensions.k8s.io/v1',
      kind: 'CustomResourceDefinition',
      metadata: meta,
      spec: {
        group: 'wcp.example',
        scope: 'Namespaced',
        names: { plural: 'webs', kind: 'Web' },
        versions: [
          {
            name: 'v1',
            served: true,
            storage: false,
            subresources: { status: {} },
            schema: {
              openAPIV3Schema: {
                type: 'object',
                properties: {
                  n: { type: 'integer', minimum: 0, default: 3, enum: [1, 'x', null] },
                  l: {
                    type: 'array',
                    items: { type: 'string' },
                    'x-kubernetes-list-map-keys': ['a'],
                    'x-kubernetes-list-type': 'map',
                  },
                  m: { type: 'object', additionalProperties: { type: 'string' } },
                  any: { additionalProperties: false, default: false },
                },
                'x-kubernetes-validations': [{ rule: 'self.n > 0', optionalOldSelf: false }],
              },
            },
          },
        ],
      },
    },
  ];
  for (const object of objects)
    t.same(decodeProtobuf(encodeProtobuf(object)), object, `${object.apiVersion} ${object.kind}`);
  t.end();
});

t.test('broken protobuf and kinds without protobuf are refused with 400, whatever the bytes', (t) => {
  t.match(refusal(() => decodeProtobuf(Buffer.from('{}'))).message, /expected prefix/);
  const foreign = Buffer.from(kubectlBodies[0]?.base64 ?? '', 'base64')
    .toString('latin1')
    .replace('Namespace', 'Namespada');
  t.equal(
    refusal(() => decodeProtobuf(Buffer.from(foreign, 'latin1'))).message,
    'no kind "Namespada" is registered for version "v1" in scheme',
  );
  const body = Buffer.from(kubectlBodies[8]?.base64 ?? '', 'base64');
  fc.assert(
    fc.property(fc.nat(body.length - 1), fc.nat(255), fc.nat(body.length), (at, byte, length) => {
      const damaged = Buffer.from(body.subarray(0, length));
      if (at < damaged.length) damaged[at] = byte;
      try {
        decodeProtobuf(damaged);
      } catch (err) {
        t.ok(err instanceof ApiError && err.status === 400);
      }
    }),
    { numRuns: 500 },
  );
  t.end();
});

t.test('unknown protobuf fields are passed over', (t) => {
  const known = encodeProtobuf({ apiVersion: 'v1', kind: 'DeleteOptions', propagationPolicy: 'Background' } as never);
  // Field 99: a varint, then the same as bytes, in the envelope.
  const body = Buffer.concat([known, Uint8Array.of(0x98, 0x06, 0x05), Uint8Array.of(0x9a, 0x06, 0x01, 0x41)]);
  t.same(decodeProtobuf(body), { apiVersion: 'v1', kind: 'DeleteOptions', propagationPolicy: 'Background' });
  t.end();
});

t.test('the Accept header chooses by quality, then by order, and skips what is not offered', (t) => {
  const table =
    'application/json;as=Table;v=v1;g=meta.k8s.io,application/json;as=Table;v=v1beta1;g=meta.k8s.io,application/json';
  const tableOffer = { type: jsonType, as: 'Table', group: 'meta.k8s.io', version: 'v1' };
  const cases: readonly (readonly [string | undefined, object | undefined, string])[] = [
    [undefined, { type: jsonType }, 'no header'],
    ['', { type: jsonType }, 'an empty header'],
    ['*/*', { type: jsonType }, 'anything'],
    ['application/*', { type: jsonType }, 'any application type'],
    [table, tableOffer, 'kubectl get'],
    ['application/yaml', { type: yamlType }, 'YAML'],
    ['application/json;q=0.1, application/yaml;q=0.9', { type: yamlType }, 'quality wins over order'],
    ['application/json;q=0, */*;q=0.1', { type: jsonType }, 'a type that is excluded may still match the rest'],
    [`${protobufType},application/json`, { type: jsonType }, 'typed clients take JSON'],
    [`${protobufType}, */*`, { type: jsonType }, 'controller-runtime takes JSON'],
    [
      `${protobufType};as=PartialObjectMetadata;g=meta.k8s.io;v=v1,application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1`,
      undefined,
      'a transformation that is not offered',
    ],
    ['application/json;as=Table;v=v2;g=meta.k8s.io', undefined, 'a version that is not offered'],
    ['application/json;pretty=1', { type: jsonType, pretty: true }, 'pretty'],
    ['Application/JSON; Charset=utf-8', { type: jsonType }, 'case and foreign parameters do not matter'],
    ['application/json;stream=watch', undefined, 'a stream that is not offered'],
    ['text/html', undefined, 'something else'],
  ];
  for (const [header, expected, why] of cases) t.same(negotiateAccept(header, metaOffers('Table')), expected, why);
  const discovery = [
    { type: jsonType },
    { type: jsonType, as: 'APIGroupDiscoveryList', group: 'apidiscovery.k8s.io', version: 'v2' },
  ];
  const accept =
    'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList,application/json';
  t.same(negotiateAccept(accept, discovery), discovery[1]);
  t.same(
    negotiateAccept(accept, plainOffers),
    { type: jsonType },
    'the plain document serves those who do not know better',
  );
  t.end();
});

t.test('a Content-Type is read with its parameters, and none is none', (t) => {
  t.equal(parseContentType(undefined), undefined);
  t.equal(parseContentType('  '), undefined);
  t.equal(parseContentType('Application/JSON; charset="UTF-8"')?.type, 'application/json');
  t.equal(parseContentType('application/json; charset="U;T\\"F"')?.parameters['charset'], 'U;T"F');
  t.end();
});
