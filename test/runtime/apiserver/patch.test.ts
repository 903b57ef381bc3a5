import fc from 'fast-check';
import { jsonpatch } from 'json-p3';
import t from 'tap';
import { builtinSchemas } from '#runtime/apiserver/builtin/schemas/index.ts';
import { exactNumber } from '#runtime/apiserver/codec/exact-number.ts';
import { applyJsonPatch } from '#runtime/apiserver/patch/json-patch.ts';
import { applyMergePatch } from '#runtime/apiserver/patch/merge-patch.ts';
import { applyStrategicMergePatch } from '#runtime/apiserver/patch/strategic-merge-patch.ts';
import { ApiError } from '#runtime/base/errors.ts';
import type { Schema } from '#schemas/meta/schema.ts';

const refusal = (act: () => unknown): ApiError => {
  try {
    act();
  } catch (err) {
    if (err instanceof ApiError) return err;
    throw err;
  }
  throw new Error('nothing was thrown');
};

const clone = <T>(value: T): T => JSON.parse(JSON.stringify(value)) as T;

const schemaOf = (kind: string): Schema => {
  const schema = builtinSchemas[kind];
  if (schema === undefined) throw new Error(kind);
  return schema;
};

t.test('a JSON patch does what RFC 6902 says and leaves its arguments alone', (t) => {
  const cases: readonly { why: string; document: unknown; patch: readonly unknown[]; result: unknown }[] = [
    {
      why: 'add a field',
      document: { a: 1 },
      patch: [{ op: 'add', path: '/b', value: [1] }],
      result: { a: 1, b: [1] },
    },
    { why: 'add replaces', document: { a: 1 }, patch: [{ op: 'add', path: '/a', value: null }], result: { a: null } },
    {
      why: 'insert',
      document: { l: [1, 3] },
      patch: [{ op: 'add', path: '/l/1', value: 2 }],
      result: { l: [1, 2, 3] },
    },
    { why: 'append', document: { l: [1] }, patch: [{ op: 'add', path: '/l/-', value: 2 }], result: { l: [1, 2] } },
    {
      why: 'insert at the end',
      document: { l: [1] },
      patch: [{ op: 'add', path: '/l/1', value: 2 }],
      result: { l: [1, 2] },
    },
    {
      why: 'remove',
      document: { a: 1, l: [1, 2] },
      patch: [
        { op: 'remove', path: '/l/0' },
        { op: 'remove', path: '/a' },
      ],
      result: { l: [2] },
    },
    {
      why: 'replace',
      document: { l: [1] },
      patch: [{ op: 'replace', path: '/l/0', value: { x: 1 } }],
      result: { l: [{ x: 1 }] },
    },
    {
      why: 'what is not there is replaced and copied, as by the library of Kubernetes',
      document: {},
      patch: [
        { op: 'replace', path: '/a', value: 1 },
        { op: 'copy', from: '/b', path: '/c' },
      ],
      result: { a: 1, c: null },
    },
    { why: 'replace all', document: { l: [1] }, patch: [{ op: 'replace', path: '', value: 5 }], result: 5 },
    {
      why: 'move',
      document: { a: { b: 1 }, c: {} },
      patch: [{ op: 'move', from: '/a/b', path: '/c/d' }],
      result: { a: {}, c: { d: 1 } },
    },
    { why: 'move to itself', document: { a: 1 }, patch: [{ op: 'move', from: '/a', path: '/a' }], result: { a: 1 } },
    {
      why: 'a copy is independent of what it was copied from',
      document: { a: { b: [1] } },
      patch: [
        { op: 'add', path: '/a/b/-', value: 2 },
        { op: 'copy', from: '/a', path: '/c' },
        { op: 'add', path: '/a/b/-', value: 3 },
        { op: 'add', path: '/c/b/-', value: 4 },
      ],
      result: { a: { b: [1, 2, 3] }, c: { b: [1, 2, 4] } },
    },
    {
      why: 'escapes',
      document: { 'a/b': 1, 'm~n': 2 },
      patch: [
        { op: 'remove', path: '/a~1b' },
        { op: 'test', path: '/m~0n', value: 2 },
      ],
      result: { 'm~n': 2 },
    },
    {
      why: 'test of a missing field for null',
      document: { a: 1 },
      patch: [{ op: 'test', path: '/b', value: null }],
      result: { a: 1 },
    },
    { why: 'an empty key', document: { '': 1 }, patch: [{ op: 'replace', path: '/', value: 2 }], result: { '': 2 } },
  ];
  for (const { why, document, patch, result } of cases) {
    const before = [clone(document), clone(patch)];
    t.same(applyJsonPatch(document, patch), result, why);
    t.same([document, patch], before, `${why}: arguments are left alone`);
  }
  t.end();
});

t.test('values of a patch are not changed by later operations on them', (t) => {
  const patch = [
    { op: 'add', path: '/x', value: { l: [] } },
    { op: 'add', path: '/y', value: 1 },
    { op: 'add', path: '/x/l/-', value: 1 },
  ];
  t.same(applyJsonPatch({}, patch), { x: { l: [1] }, y: 1 });
  t.same(patch[0], { op: 'add', path: '/x', value: { l: [] } });
  t.end();
});

t.test('an operation that does not apply is 422 in the words of Kubernetes', (t) => {
  const cases: readonly (readonly [object, string])[] = [
    [
      { op: 'remove', path: '/b' },
      "error in remove for path: '/b': Unable to remove nonexistent key: b: missing value",
    ],
    [{ op: 'remove', path: '/x/y' }, 'remove operation does not apply: doc is missing path: "/x/y": missing value'],
    [{ op: 'add', path: '/x/y', value: 1 }, 'add operation does not apply: doc is missing path: "/x/y": missing value'],
    [{ op: 'add', path: '/a/y', value: 1 }, 'add operation does not apply: doc is missing path: "/a/y": missing value'],
    [
      { op: 'add', path: '/l/5', value: 1 },
      "error in add for path: '/l/5': Unable to access invalid index: 5: invalid index referenced",
    ],
    [
      { op: 'add', path: '/l/01', value: 1 },
      "error in add for path: '/l/01': Unable to access invalid index: 01: invalid index referenced",
    ],
    [
      { op: 'add', path: '/l/-1', value: 1 },
      "error in add for path: '/l/-1': Unable to access invalid index: -1: invalid index referenced",
    ],
    [{ op: 'test', path: '/a', value: 2 }, 'testing value /a failed: test failed'],
    [{ op: 'add', path: '/c' }, 'add operation failed to decode value: missing value'],
    [{ op: 'add', path: 'c', value: 1 }, 'add operation does not apply: doc is missing path: "c": missing value'],
    [{ op: 'frob', path: '/c' }, 'Unexpected kind: frob'],
    [{ op: 'add', value: 1 }, 'add operation failed to decode path: missing value'],
  ];
  for (const [operation, words] of cases) {
    const error = refusal(() => applyJsonPatch({ a: 1, l: [1] }, [operation]));
    t.equal(error.status, 422, words);
    t.equal(error.message, words);
  }
  t.equal(refusal(() => applyJsonPatch({ a: { b: 1 } }, [{ op: 'move', from: '/a', path: '/a/b/c' }])).status, 422);
  t.equal(refusal(() => applyJsonPatch({}, { op: 'add' })).status, 400);
  t.equal(refusal(() => applyJsonPatch({}, [5])).status, 400);
  t.end();
});

t.test('a patch cannot be used to make much out of little', (t) => {
  const many = Array.from({ length: 10_001 }, () => ({ op: 'add', path: '/a', value: 1 }));
  const error = refusal(() => applyJsonPatch({}, many));
  t.equal(error.status, 413);
  t.equal(error.message, 'The allowed maximum operations in a JSON patch is 10000, got 10001');
  const doubling = Array.from({ length: 40 }, () => ({ op: 'copy', from: '/l', path: '/l/-' }));
  t.equal(refusal(() => applyJsonPatch({ l: ['0123456789'] }, doubling)).status, 413);
  const long = { l: Array.from({ length: 1_000_000 }, () => 0) };
  for (const operation of [{ op: 'remove' }, { op: 'add', value: 1 }]) {
    const shifting = Array.from({ length: 10_000 }, () => ({ ...operation, path: '/l/1' }));
    t.match(
      refusal(() => applyJsonPatch(long, shifting)),
      { status: 413, message: /move more than 100000000 items/ },
    );
    const { l } = applyJsonPatch({ l: long.l.slice(0, 4_000) }, shifting.slice(0, 3_000)) as { l: unknown[] };
    t.equal(l.length, operation.op === 'add' ? 7_000 : 1_000);
  }
  t.end();
});

t.test('a JSON patch never reaches a prototype', (t) => {
  const patched = applyJsonPatch({}, [{ op: 'add', path: '/__proto__', value: { admin: true } }]) as Record<
    string,
    unknown
  >;
  t.equal(JSON.stringify(patched), '{"__proto__":{"admin":true}}');
  t.equal(patched['admin'], undefined);
  t.equal(refusal(() => applyJsonPatch({}, [{ op: 'add', path: '/constructor/prototype/x', value: 1 }])).status, 422);
  t.equal(refusal(() => applyJsonPatch({ a: {} }, [{ op: 'add', path: '/a/__proto__/x', value: 1 }])).status, 422);
  t.equal(({} as Record<string, unknown>)['x'], undefined);
  t.end();
});

t.test('numbers that keep their text survive every kind of patch', (t) => {
  const document = { big: exactNumber('9007199254740993'), a: { b: 1 } };
  const copied = applyJsonPatch(document, [{ op: 'copy', from: '/big', path: '/a/big' }]);
  t.equal(JSON.stringify(copied), '{"big":9007199254740993,"a":{"b":1,"big":9007199254740993}}');
  t.equal(
    JSON.stringify(applyMergePatch(document, { a: null, x: exactNumber('1.0') })),
    '{"big":9007199254740993,"x":1.0}',
  );
  t.end();
});

const key = fc.constantFrom('a', 'b', 'c', '0', '1', '-');
const value = fc.letrec((tie) => ({
  node: fc.oneof(
    { depthSize: 'small' },
    fc.integer(),
    fc.constant(null),
    fc.array(tie('node'), { maxLength: 3 }),
    fc.dictionary(key, tie('node'), { maxKeys: 3 }),
  ),
})).node;
const pointer = fc.array(key, { maxLength: 3 }).map((tokens) => tokens.map((token) => `/${token}`).join(''));
const operation = fc.record({
  op: fc.constantFrom('add', 'remove', 'replace', 'move', 'copy', 'test'),
  path: pointer,
  from: pointer,
  value,
});

t.test('where the oracle applies a JSON patch, ours gives the same', (t) => {
  // The oracle builds a cycle when something is copied or moved into itself.
  const isCyclic = ({ op, from, path }: { op: string; from: string; path: string }): boolean =>
    (op === 'copy' || op === 'move') && path.startsWith(from);
  let agreed = 0;
  fc.assert(
    fc.property(fc.dictionary(key, value), fc.array(operation, { maxLength: 4 }), (document, operations) => {
      fc.pre(!operations.some(isCyclic));
      let expected: unknown;
      try {
        expected = jsonpatch.apply(clone(operations) as never, clone(document) as never);
      } catch {
        return;
      }
      const before = clone(document);
      let result: unknown;
      try {
        result = applyJsonPatch(document, operations);
      } catch (err) {
        // Where the oracle is laxer: removing the whole document, moving something onto what holds it.
        t.ok(
          err instanceof ApiError &&
            operations.some(({ op, path, from }) => (op === 'remove' && path === '') || op === 'move' || from === ''),
        );
        return;
      }
      t.same(result, expected);
      t.same(document, before);
      agreed += 1;
    }),
    { numRuns: 2_000, seed: 7 },
  );
  t.ok(agreed > 200, `${agreed} patches applied by both`);
  t.end();
});

t.test('a merge patch does what RFC 7386 says', (t) => {
  const cases: readonly (readonly [unknown, unknown, unknown])[] = [
    [{ a: 'b' }, { a: 'c' }, { a: 'c' }],
    [{ a: 'b' }, { b: 'c' }, { a: 'b', b: 'c' }],
    [{ a: 'b' }, { a: null }, {}],
    [{ a: ['b'] }, { a: 'c' }, { a: 'c' }],
    [{ a: { b: 'c' } }, { a: { b: 'd', c: null } }, { a: { b: 'd' } }],
    [{ a: [{ b: 'c' }] }, { a: [1] }, { a: [1] }],
    [
      ['a', 'b'],
      ['c', 'd'],
      ['c', 'd'],
    ],
    [{ a: 'foo' }, null, null],
    [{ e: null }, { a: 1 }, { e: null, a: 1 }],
    [[1, 2], { a: 'b', c: null }, { a: 'b' }],
    [{}, { a: { bb: { ccc: null } } }, { a: { bb: {} } }],
  ];
  for (const [document, patch, result] of cases) {
    const before = clone(document);
    t.same(applyMergePatch(document, patch), result);
    t.same(document, before);
  }
  const untouched = { x: { y: 1 } };
  t.equal(
    (applyMergePatch({ untouched }, { a: 1 }) as { untouched: unknown }).untouched,
    untouched,
    'what is not touched is shared',
  );
  t.equal(JSON.stringify(applyMergePatch({}, JSON.parse('{"__proto__":{"x":1}}'))), '{"__proto__":{"x":1}}');
  t.end();
});

t.test('a strategic merge patch merges what the schema says, and replaces every other list', (t) => {
  const account = {
    metadata: { name: 'a', finalizers: ['x', 'y'] },
    secrets: [{ name: 's1', kind: 'Secret' }, { name: 's2' }],
    imagePullSecrets: [{ name: 'p' }],
  };
  const merged = applyStrategicMergePatch(
    account,
    {
      metadata: { labels: { a: 'b' }, finalizers: ['y', 'z'], ownerReferences: [{ uid: 'u', name: 'n' }] },
      secrets: [{ name: 's2', kind: 'Other' }, { name: 's3' }],
      imagePullSecrets: [{ name: 'q' }],
    },
    schemaOf('core/v1/ServiceAccount'),
  );
  t.same(merged, {
    metadata: {
      name: 'a',
      finalizers: ['x', 'y', 'z'],
      labels: { a: 'b' },
      ownerReferences: [{ uid: 'u', name: 'n' }],
    },
    secrets: [{ name: 's1', kind: 'Secret' }, { name: 's2', kind: 'Other' }, { name: 's3' }],
    imagePullSecrets: [{ name: 'q' }],
  });
  t.same(account.secrets, [{ name: 's1', kind: 'Secret' }, { name: 's2' }], 'the document is left alone');
  const rules = applyStrategicMergePatch(
    { rules: [{ verbs: ['get'] }] },
    { rules: [{ verbs: ['list'] }] },
    schemaOf('rbac.authorization.k8s.io/v1/Role'),
  );
  t.same(rules, { rules: [{ verbs: ['list'] }] });
  const told = applyStrategicMergePatch(
    { status: { conditions: [{ type: 'A' }] } },
    { status: { conditions: [{ status: 'True' }] } },
    schemaOf('apiextensions.k8s.io/v1/CustomResourceDefinition'),
  );
  t.same(told, { status: { conditions: [{ status: 'True' }] } }, 'conditions of a definition have no key for it');
  t.same(
    applyStrategicMergePatch(
      { data: { a: '1', b: '2' } },
      { data: { a: null, c: '3' } },
      schemaOf('core/v1/ConfigMap'),
    ),
    {
      data: { b: '2', c: '3' },
    },
  );
  t.end();
});

t.test('directives of a strategic merge patch are followed and never stored', (t) => {
  const schema = schemaOf('core/v1/ServiceAccount');
  const secrets = [{ name: 'a' }, { name: 'b' }, { name: 'c' }];
  const cases: readonly { why: string; document: object; patch: object; result: object }[] = [
    {
      why: 'delete an item',
      document: { secrets },
      patch: { secrets: [{ $patch: 'delete', name: 'b' }] },
      result: { secrets: [{ name: 'a' }, { name: 'c' }] },
    },
    {
      why: 'delete what is not there',
      document: {},
      patch: { secrets: [{ $patch: 'delete', name: 'b' }] },
      result: { secrets: [] },
    },
    {
      why: 'what is new in a set stands before what only the server had after it',
      document: { metadata: { finalizers: ['a', 'b', 'c'] } },
      patch: { metadata: { finalizers: ['d', 'b'] } },
      result: { metadata: { finalizers: ['d', 'a', 'b', 'c'] } },
    },
    {
      why: 'replace a list',
      document: { secrets },
      patch: { secrets: [{ $patch: 'replace' }, { name: 'x' }] },
      result: { secrets: [{ name: 'x' }] },
    },
    {
      why: 'replace a map',
      document: { metadata: { labels: { a: '1', b: '2' } } },
      patch: { metadata: { labels: { $patch: 'replace', c: '3' } } },
      result: { metadata: { labels: { c: '3' } } },
    },
    {
      why: 'delete a map',
      document: { metadata: { labels: { a: '1' } } },
      patch: { metadata: { labels: { $patch: 'delete' } } },
      result: { metadata: { labels: {} } },
    },
    {
      why: 'retain keys',
      document: { metadata: { labels: { a: '1', b: '2', c: '3' } } },
      patch: { metadata: { labels: { $retainKeys: ['a', 'b'], b: '5' } } },
      result: { metadata: { labels: { a: '1', b: '5' } } },
    },
    {
      why: 'delete from a list of words',
      document: { metadata: { finalizers: ['a', 'b', 'c'] } },
      patch: { metadata: { '$deleteFromPrimitiveList/finalizers': ['a', 'x'], finalizers: ['d'] } },
      result: { metadata: { finalizers: ['d', 'b', 'c'] } },
    },
    {
      why: 'order, with items the client does not know',
      document: { secrets: [{ name: 'a' }, { name: 'server' }, { name: 'b' }] },
      patch: {
        '$setElementOrder/secrets': [{ name: 'b' }, { name: 'new' }, { name: 'a' }],
        secrets: [{ name: 'new' }],
      },
      result: { secrets: [{ name: 'server' }, { name: 'b' }, { name: 'new' }, { name: 'a' }] },
    },
    {
      why: 'order of words without a change',
      document: { metadata: { finalizers: ['a', 'b', 'c'] } },
      patch: { metadata: { '$setElementOrder/finalizers': ['c', 'b', 'a'] } },
      result: { metadata: { finalizers: ['c', 'b', 'a'] } },
    },
  ];
  for (const { why, document, patch, result } of cases)
    t.same(applyStrategicMergePatch({ ...document }, { ...patch }, schema), result, why);
  t.end();
});

t.test('lists of a strategic merge patch cost what they hold, not each item every other', (t) => {
  const words = Array.from({ length: 50_000 }, (_, i) => `x.io/${i}`);
  const owners = words.map((uid) => ({ uid, name: 'n' }));
  const patched = (metadata: object, patch: object): Record<string, unknown[]> =>
    applyStrategicMergePatch({ metadata }, { metadata: patch }, schemaOf('core/v1/ConfigMap'))['metadata'] as never;
  const order = { '$setElementOrder/finalizers': words.toReversed(), '$setElementOrder/ownerReferences': owners };
  const merged = patched(
    { finalizers: ['z'], ownerReferences: owners },
    { finalizers: words, ownerReferences: owners, ...order },
  );
  t.same([merged['finalizers']?.length, merged['ownerReferences']?.length], [words.length + 1, owners.length]);
  t.same([merged['finalizers']?.[0], merged['finalizers']?.at(-1)], [words.at(-1), 'z']);
  const goes = { '$deleteFromPrimitiveList/finalizers': words, $retainKeys: ['finalizers', ...words] };
  t.same(patched(merged, goes), { finalizers: ['z'] });
  const deleted = owners.map(({ uid }) => ({ uid, $patch: 'delete' }));
  t.same(patched(merged, { ownerReferences: deleted })['ownerReferences'], []);
  t.end();
});

t.test('where there is nothing to merge with, a strategic merge patch is the value', (t) => {
  const patch = {
    metadata: { finalizers: ['a', 'a'], labels: { $patch: 'replace', a: '1' }, annotations: { a: null, b: '1' } },
    secrets: [{ kind: 'Secret' }, { name: 'a', $patch: 'delete' }],
  };
  t.same(applyStrategicMergePatch({ secrets: 'a text' }, patch, schemaOf('core/v1/ServiceAccount')), {
    metadata: { finalizers: ['a', 'a'], annotations: { b: '1' } },
    secrets: [{ kind: 'Secret' }],
  });
  t.end();
});

t.test('a strategic merge patch that makes no sense is 400', (t) => {
  const schema = schemaOf('core/v1/ServiceAccount');
  const account = { metadata: { finalizers: ['a'], labels: { a: '1' } }, secrets: [{ name: 'a' }] };
  const patches = [
    { $patch: 'frob' },
    { secrets: [{ kind: 'x' }] },
    { secrets: ['x'] },
    { secrets: [{ name: 'x', $patch: 'frob' }] },
    { metadata: { finalizers: [{ a: 1 }] } },
    { metadata: { '$deleteFromPrimitiveList/finalizers': 'x' } },
    { metadata: { '$setElementOrder/finalizers': 'x' } },
    { metadata: { labels: { $retainKeys: ['a'], b: 'x' } } },
  ];
  for (const patch of patches)
    t.equal(refusal(() => applyStrategicMergePatch(account, patch, schema)).status, 400, JSON.stringify(patch));
  t.end();
});

t.test('without directives and lists, a strategic merge patch is a merge patch', (t) => {
  const tree = fc.letrec((tie) => ({
    node: fc.oneof(
      { depthSize: 'small' },
      fc.string(),
      fc.constant(null),
      fc.dictionary(fc.constantFrom('a', 'b', 'c'), tie('node')),
    ),
  })).node;
  fc.assert(
    fc.property(
      fc.dictionary(fc.constantFrom('a', 'b'), tree),
      fc.dictionary(fc.constantFrom('a', 'b'), tree),
      (document, patch) => {
        t.same(applyStrategicMergePatch(document, patch, {}), applyMergePatch(document, patch));
      },
    ),
    { numRuns: 300 },
  );
  t.end();
});
