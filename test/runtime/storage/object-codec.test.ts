import fc from 'fast-check';
import t from 'tap';
import { decodeStored, encodeStored, isSameStored, storedBytes, wireBytes } from '#runtime/storage/object-codec.ts';
import { compareKeys, prefixEnd } from '#runtime/storage/key-order.ts';
import { collectionOf, collectionPrefix, objectKey, parseObjectKey } from '#runtime/storage/object-key.ts';
import {
  countBelow,
  emptyList,
  findPlaced,
  listFromSorted,
  placedBelow,
  withPlaced,
  withoutPlaced,
} from '#runtime/storage/sorted-list.ts';
import type { KubeObject } from '#schemas/meta/object.ts';

const word = fc.oneof(fc.constantFrom('"metadata":{', '\\"metadata":{', 'a', '', '\u{1f600}', '"'), fc.string());
const anObject: fc.Arbitrary<KubeObject> = fc.record({
  apiVersion: word,
  kind: word,
  metadata: fc.record(
    { name: word, namespace: word, uid: word, resourceVersion: word, labels: fc.dictionary(word, word), other: word },
    { requiredKeys: [] },
  ) as unknown as fc.Arbitrary<KubeObject['metadata']>,
  spec: fc.jsonValue(),
});

const plainJson = (value: unknown): unknown => JSON.parse(JSON.stringify(value));

t.test('wire bytes are the stored object with its revision, whatever is in it', async (t) => {
  fc.assert(
    fc.property(anObject, fc.nat(), (object, revision) => {
      const stored = encodeStored(object);
      const wire = wireBytes(stored, revision);
      if (wire === undefined) throw new Error('not in our spelling');
      t.strictSame(
        JSON.parse(wire.toString()),
        plainJson({ ...object, metadata: { ...object.metadata, resourceVersion: String(revision) } }),
      );
      t.ok(storedBytes(wire).equals(stored), 'and back');
      t.ok(isSameStored(wire, stored));
      t.notOk(isSameStored(wire, Buffer.from(stored.toString().replace('apiVersion', 'apiversion'))));
    }),
    { numRuns: 300 },
  );
});

t.test('numbers that JavaScript cannot hold pass from the store to the wire untouched', async (t) => {
  const stored = Buffer.from(
    '{"apiVersion":"v1","kind":"A","metadata":{"name":"a"},"spec":{"big":9007199254740993,"float":1.0}}',
  );
  const wire = wireBytes(stored, 7)?.toString();
  t.equal(
    wire,
    '{"apiVersion":"v1","kind":"A","metadata":{"resourceVersion":"7","name":"a"},"spec":{"big":9007199254740993,"float":1.0}}',
  );
  const raw = { apiVersion: 'v1', kind: 'A', metadata: { name: 'a' }, spec: { big: 1 } };
  const exact = encodeStored(raw, (value) => JSON.stringify(value).replace('"big":1', '"big":9007199254740993'));
  t.match(exact.toString(), '9007199254740993', 'the writer may bring its own text');
});

t.test('the order of metadata in the store is fixed, and resourceVersion is not stored', async (t) => {
  const one = encodeStored({
    kind: 'A',
    apiVersion: 'v1',
    metadata: { uid: 'u', resourceVersion: '5', name: 'n', labels: {} },
  });
  t.equal(one.toString(), '{"apiVersion":"v1","kind":"A","metadata":{"name":"n","uid":"u","labels":{}}}');
  t.same(decodeStored('k', one, 9).object.metadata, { resourceVersion: '9', name: 'n', uid: 'u', labels: {} });
});

t.test('what is no object of ours is refused by its key, not shown', async (t) => {
  for (const text of [
    '',
    '{}',
    '[]',
    'nonsense',
    '{"kind":"A","apiVersion":"v1","metadata":{}}',
    '{"apiVersion":"v1"}',
  ]) {
    t.equal(wireBytes(Buffer.from(text), 1), undefined, text);
    t.throws(() => decodeStored('/registry/x', Buffer.from(text), 1), {
      code: 'WCP_HOST',
      facts: { path: '/registry/x' },
    });
  }
});

t.test('keys are made and taken apart alike', async (t) => {
  t.equal(collectionOf('', 'secrets'), 'core/secrets');
  t.equal(collectionPrefix('core/secrets', 'a'), '/registry/core/secrets/a/');
  const part = fc.stringMatching(/^[a-z0-9.:-]{1,20}$/u);
  fc.assert(
    fc.property(part, part, fc.option(part, { nil: '' }), part, (group, resource, namespace, name) => {
      const collection = collectionOf(group, resource);
      const key = objectKey(collection, namespace, name);
      t.ok(key.startsWith(collectionPrefix(collection, namespace)));
      t.strictSame(parseObjectKey(key), { collection, namespace, name });
    }),
  );
  for (const key of ['/registry/progress', '/registry/a/b', '/registry/a/b/', '/other/a/b/c'])
    t.equal(parseObjectKey(key), undefined, key);
});

t.test('keys are ordered by their bytes, and a prefix ends where its keys end', async (t) => {
  const key = fc.string({
    unit: fc.constantFrom('a', 'b', '/', '-', '\u00e9', '\uffee', '\ud7ff', '\u{10000}', '\u{10ffff}'),
  });
  fc.assert(
    fc.property(key, key, (a, b) => {
      t.equal(Math.sign(compareKeys(a, b)), Buffer.compare(Buffer.from(a), Buffer.from(b)));
      t.ok(Buffer.compare(Buffer.from(a + b), prefixEnd(Buffer.from(a))) < 0 || a === '');
    }),
  );
  t.same(prefixEnd(Buffer.from([1, 255, 255])), Buffer.from([2]));
});

t.test('a sorted list is a sorted array, at every size, and older lists stay as they were', async (t) => {
  const name = fc.string({ unit: fc.constantFrom('a', 'b', '/', '-', '\uffee', '\u{10000}'), maxLength: 4 });
  fc.assert(
    fc.property(fc.array(fc.record({ path: name, removes: fc.boolean() }), { maxLength: 60 }), name, (steps, probe) => {
      const model = new Map<string, number>();
      let list = emptyList<{ path: string; n: number }>();
      for (const [n, { path, removes }] of steps.entries()) {
        const before = list;
        const size = before.size;
        list = removes ? withoutPlaced(list, path) : withPlaced(list, { path, n });
        if (removes) model.delete(path);
        else model.set(path, n);
        t.equal([...placedBelow(before, '')].length, size);
      }
      const sorted = [...model].toSorted(([a], [b]) => compareKeys(a, b)).map(([path, n]) => ({ path, n }));
      t.strictSame([...placedBelow(list, '')], sorted);
      t.strictSame([...placedBelow(listFromSorted(sorted), '')], sorted);
      t.equal(findPlaced(list, probe)?.n, model.get(probe));
      const below = sorted.filter(({ path }) => path.startsWith(probe));
      t.strictSame([...placedBelow(list, probe)], below);
      const after = below.filter(({ path }) => compareKeys(path, `${probe}/`) > 0);
      t.strictSame([...placedBelow(list, probe, `${probe}/`)], after);
    }),
  );
  const many = Array.from({ length: 5_000 }, (_, n) => ({ path: `ns${n % 50}/${n}` }));
  let list = emptyList<{ path: string }>();
  for (const entry of many) list = withPlaced(list, entry);
  t.equal(countBelow(list, 'ns7/'), 100);
  t.equal(countBelow(list, ''), 5_000);
  t.same(
    [...placedBelow(list, '')],
    many.toSorted((a, b) => compareKeys(a.path, b.path)),
  );
  for (const entry of many) list = withoutPlaced(list, entry.path);
  t.equal(list.size, 0);
  t.same(list.chunks, []);
});
