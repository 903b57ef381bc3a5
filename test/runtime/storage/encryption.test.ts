import { randomBytes } from 'node:crypto';
import { inspect } from 'node:util';
import fc from 'fast-check';
import t from 'tap';
import { InvalidError, RefusedError } from '#runtime/base/errors.ts';
import { encryptedStore } from '#runtime/storage/encryption/encrypted-store.ts';
import {
  encryptionKey,
  parseKeyFile,
  type EncryptionKey,
  type EncryptionKeys,
} from '#runtime/storage/encryption/encryption-keys.ts';
import { rewriteWithPrimaryKey } from '#runtime/storage/encryption/rewrite-with-primary-key.ts';
import { open, seal } from '#runtime/storage/encryption/seal.ts';
import { openMemoryStore } from '#runtime/storage/memory/memory-store.ts';
import { encodeStored } from '#runtime/storage/object-codec.ts';
import type { Store } from '#runtime/storage/store.ts';
import { startWatchCache } from '#runtime/storage/watch-cache/watch-cache.ts';
import { bytes, collect, committed, put, storeContract } from '#test/contracts/store.ts';
import { patienceMs } from '#test/lab/patience.ts';
import { startEtcd } from '#test/lab/etcd.ts';

const newKey = (id: string): EncryptionKey => encryptionKey(id, randomBytes(32));
const keys: EncryptionKeys = [newKey('one')];
const prefix = '/registry/core/secrets/';
const plainText = 'correct horse battery staple';

const covered = openMemoryStore();
storeContract(t, 'encrypted memory', () => ({
  store: encryptedStore(covered, { keys, prefixes: ['/registry/law-'] }),
}));

t.test(
  'etcd holds no plain text below the encrypted prefix, and all of it elsewhere; readers see no difference',
  async (t) => {
    const etcd = await startEtcd();
    const raw = await etcd.open();
    const store = encryptedStore(raw, { keys });
    const start = await store.currentRevision();
    await put(store, `${prefix}a/one`, plainText);
    await put(store, '/registry/core/configmaps/a/one', plainText);
    const atRest = await raw.range('/registry/');
    t.same(
      atRest.entries.map((entry) => entry.value.includes(plainText)),
      [true, false],
    );
    const changes = await collect(
      store.watch('/registry/', start, AbortSignal.timeout(patienceMs)),
      (all) => all.length >= 2,
    );
    t.same(
      changes.map((change) => change.value?.toString()),
      [plainText, plainText],
    );
    t.equal((await store.read(`${prefix}a/one`)).entry?.value.toString(), plainText);
    const refused = await store.commit({ if: [{ key: `${prefix}a/one`, revision: 0 }], put: [] });
    t.equal(refused.committed ? '' : refused.current.get(`${prefix}a/one`)?.value.toString(), plainText);
    t.same(
      (await store.range(prefix)).entries.map((entry) => entry.value.toString()),
      [plainText],
    );
    await raw.close();
    await etcd.stop();
  },
);

t.test(
  'a value opens with its own key of the store and its own secret key, unchanged, and not otherwise',
  async (t) => {
    fc.assert(
      fc.property(fc.uint8Array(), fc.nat(), fc.integer({ min: 1, max: 255 }), (plain, at, flip) => {
        const sealed = seal(keys, 'k', Buffer.from(plain));
        t.ok(open(keys, 'k', sealed).equals(Buffer.from(plain)));
        const changed = Buffer.from(sealed);
        const index = at % changed.length;
        changed[index] = (changed[index] ?? 0) ^ flip;
        t.throws(() => open(keys, 'k', changed), RefusedError);
        t.throws(() => open(keys, 'k', sealed.subarray(0, index)), RefusedError);
      }),
      { numRuns: 300 },
    );
    const sealed = seal(keys, `${prefix}a/one`, bytes(plainText));
    t.throws(
      () => open(keys, `${prefix}a/two`, sealed),
      { code: 'WCP_REFUSED', reason: 'ValueTampered' },
      'moved to another key',
    );
    t.throws(() => open([newKey('two')], `${prefix}a/one`, sealed), {
      code: 'WCP_REFUSED',
      reason: 'EncryptionKeyMissing',
    });
    t.throws(
      () => open([newKey('one')], `${prefix}a/one`, sealed),
      { code: 'WCP_REFUSED', reason: 'EncryptionKeyMissing' },
      'another key under the same id',
    );
    t.notOk(seal(keys, 'k', bytes('x')).equals(seal(keys, 'k', bytes('x'))), 'equal values do not look equal');
  },
);

t.test('a value that does not open makes a read fail; it is never missing from an answer', async (t) => {
  const raw = openMemoryStore();
  const store = encryptedStore(raw, { keys });
  await put(store, `${prefix}a/good`, 'x');
  const start = await put(store, `${prefix}a/moved`, 'x');
  const value = (await raw.read(`${prefix}a/good`)).entry?.value ?? Buffer.alloc(0);
  await raw.commit({ if: [], put: [{ key: `${prefix}a/moved`, value }] });
  await t.rejects(store.read(`${prefix}a/moved`), { code: 'WCP_REFUSED', reason: 'ValueTampered' });
  await t.rejects(store.range('/registry/'), { code: 'WCP_REFUSED' });
  await t.rejects(
    collect(store.watch('/registry/', start, AbortSignal.timeout(patienceMs)), () => true),
    { code: 'WCP_REFUSED' },
  );
  await put(raw, `${prefix}a/moved`, '{"apiVersion":"v1"}');
  await t.rejects(store.read(`${prefix}a/moved`), { code: 'WCP_REFUSED' }, 'nor is a plain value taken for a Secret');
  const lenient = encryptedStore(raw, { keys, acceptPlain: true });
  t.equal((await lenient.read(`${prefix}a/moved`)).entry?.value.toString(), '{"apiVersion":"v1"}');
});

t.test('a second key rotates the first away without a moment in which a value cannot be read', async (t) => {
  const raw = openMemoryStore();
  const old = newKey('old');
  const next = newKey('next');
  const names = Array.from({ length: 250 }, (_, n) => `${prefix}a/s${String(n).padStart(3, '0')}`);
  const before = encryptedStore(raw, { keys: [old] });
  for (const name of names) await put(before, name, name);
  await put(raw, `${prefix}b/plain`, 'from the time before');
  const both: EncryptionKeys = [next, old];
  const store = encryptedStore(raw, { keys: both, acceptPlain: true });
  const first = await rewriteWithPrimaryKey({ acceptPlain: true, store: raw, keys: both, limit: 60 });
  t.match(first, { rewritten: 60, contended: 0, after: names[59] });
  for (const name of names) t.equal((await store.read(name)).entry?.value.toString(), name);
  await put(store, names[100] ?? '', 'changed meanwhile');
  const rest = await rewriteWithPrimaryKey({ acceptPlain: true, store: raw, keys: both, after: first.after ?? '' });
  t.same(rest, { rewritten: 190, contended: 0 });
  const revision = await raw.currentRevision();
  t.same(
    await rewriteWithPrimaryKey({ acceptPlain: true, store: raw, keys: both }),
    { rewritten: 0, contended: 0 },
    'again changes nothing',
  );
  t.equal(await raw.currentRevision(), revision);
  const after = encryptedStore(raw, { keys: [next] });
  t.equal((await after.range(prefix)).entries.length, 251);
  t.equal((await after.read(names[100] ?? '')).entry?.value.toString(), 'changed meanwhile');
  t.equal((await after.read(`${prefix}b/plain`)).entry?.value.toString(), 'from the time before');
});

t.test('a write during the rewriting is kept', async (t) => {
  const raw = openMemoryStore();
  const old = newKey('old');
  const both: EncryptionKeys = [newKey('next'), old];
  const key = `${prefix}a/one`;
  await put(encryptedStore(raw, { keys: [old] }), key, 'before');
  const racing: Store = {
    ...raw,
    range: async (...parameters) => {
      const range = await raw.range(...parameters);
      await put(encryptedStore(raw, { keys: [old] }), key, 'meanwhile');
      return range;
    },
  };
  t.same(await rewriteWithPrimaryKey({ acceptPlain: true, store: racing, keys: both }), { rewritten: 0, contended: 1 });
  t.equal((await encryptedStore(raw, { keys: both }).read(key)).entry?.value.toString(), 'meanwhile');
});

t.test('the watch cache over an encrypted store holds plain objects', async (t) => {
  const store = encryptedStore(openMemoryStore(), { keys });
  const cache = startWatchCache({ store });
  await cache.ready;
  const value = encodeStored({
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name: 'one', namespace: 'a' },
    data: { x: 'eA==' },
  });
  await cache.waitFor(committed(await store.commit({ if: [], put: [{ key: `${prefix}a/one`, value }] })));
  t.match(cache.get('core/secrets', 'a', 'one')?.object, { data: { x: 'eA==' } });
  await cache.close();
});

t.test('a key file is read line by line; faults name the line and show nothing of it', async (t) => {
  const [first, second] = [randomBytes(32).toString('base64'), randomBytes(32).toString('base64')];
  const parsed = parseKeyFile(`# written by setup\n\nnew:${first}\r\n  old.1:${second}\n`);
  t.same(
    parsed.map((key) => key.id),
    ['new', 'old.1'],
  );
  t.notOk(inspect(parsed, { depth: 9, showHidden: true }).includes(first.slice(0, 10)));
  t.notOk(JSON.stringify(parsed).includes(first.slice(0, 10)));
  const faulty = [
    { text: '', why: 'no key' },
    { text: '# only words', why: 'no key' },
    { text: `new${first}`, why: 'no id' },
    { text: `new:${first.slice(4)}`, why: 'too short' },
    { text: `new:${first}${second}`, why: 'too long' },
    { text: `new:${first}\nnew:${second}`, why: 'one id twice' },
    { text: `a b:${first}`, why: 'a blank in the id' },
  ];
  for (const { text, why } of faulty) {
    try {
      parseKeyFile(text);
      t.fail(why);
    } catch (err) {
      t.ok(err instanceof InvalidError, why);
      t.notOk(inspect(err).includes(first.slice(4, 20)), 'no key material in the error');
      t.match(err, { faults: [{ field: /^line \d+$/u }] });
    }
  }
});

t.test('errors of values that do not open show neither key nor value', async (t) => {
  const secret = randomBytes(32);
  const key = encryptionKey('one', secret);
  const sealed = seal([key], 'k', bytes(plainText));
  sealed[sealed.length - 1] = (sealed.at(-1) ?? 0) ^ 1;
  for (const [held, value] of [
    [key, sealed],
    [newKey('two'), sealed],
    [key, bytes(plainText)],
  ] as const) {
    try {
      open([held], 'k', value);
      t.fail('opened');
    } catch (err) {
      const shown = inspect(err, { depth: 9 });
      t.notOk(
        shown.includes(plainText) ||
          shown.includes(secret.toString('base64')) ||
          shown.includes(secret.toString('hex')),
      );
    }
  }
});
