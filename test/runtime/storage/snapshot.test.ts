import { randomBytes } from 'node:crypto';
import t from 'tap';
import { required } from '#runtime/base/errors.ts';
import { encryptedStore } from '#runtime/storage/encryption/encrypted-store.ts';
import { encryptionKey, type EncryptionKeys } from '#runtime/storage/encryption/encryption-keys.ts';
import { openMemoryStore } from '#runtime/storage/memory/memory-store.ts';
import { rebasedStore } from '#runtime/storage/rebased-store.ts';
import { contentOf, erase, restore, save, snapshotContract } from '#test/contracts/snapshot.ts';
import { put, storeContract } from '#test/contracts/store.ts';
import { startEtcd } from '#test/lab/etcd.ts';

const covered = openMemoryStore();
t.teardown(() => covered.close());
storeContract(t, 'rebased memory', () => ({ store: rebasedStore(covered, 5_000) }));

snapshotContract(t, 'memory', async (t) => {
  const store = openMemoryStore();
  t.teardown(() => store.close());
  return store;
});

const keys: EncryptionKeys = [encryptionKey('now', randomBytes(32)), encryptionKey('older', randomBytes(32))];
const secret = '/registry/core/secrets/a/password';

t.test('Secrets are in a snapshot as they are at rest, and only who has their keys may restore it', async (t) => {
  const store = openMemoryStore();
  await put(encryptedStore(store, { keys }), secret, 'correct horse');
  await put(encryptedStore(store, { keys: [keys[1] ?? keys[0]] }), `${secret}-2`, 'battery staple');
  const snapshot = await save(store);
  t.notOk(snapshot.includes('correct horse'));
  const after = openMemoryStore();
  await t.rejects(restore(after, snapshot), { code: 'WCP_REFUSED', reason: 'EncryptionKeyMissing' }, 'no keys');
  await t.rejects(
    restore(after, snapshot, { keys: [keys[0]] }),
    { code: 'WCP_REFUSED', reason: 'EncryptionKeyMissing' },
    'one of two',
  );
  const namesake = [encryptionKey('now', randomBytes(32)), ...keys.slice(1)];
  await t.rejects(restore(after, snapshot, { keys: namesake }), { message: /names key "now \([0-9a-f]{16}\)"/ });
  t.same(await contentOf(after), [], 'nothing was written');
  const summary = await restore(after, snapshot, { keys });
  t.match(summary.encryptionKeys, [/^now \([0-9a-f]{16}\)$/, /^older \([0-9a-f]{16}\)$/]);
  t.equal((await encryptedStore(after, { keys }).read(secret)).entry?.value.toString(), 'correct horse');
});

t.test('plain Secrets are not restored for a server that would refuse to read them', async (t) => {
  const store = openMemoryStore();
  await put(store, secret, 'plain');
  const snapshot = await save(store);
  await t.rejects(restore(openMemoryStore(), snapshot, { keys }), { code: 'WCP_REFUSED', reason: 'ValueTampered' });
  t.same((await restore(openMemoryStore(), snapshot)).encryptionKeys, []);
});

const etcds = await Promise.all(Array.from({ length: 3 }, () => startEtcd()));
const stores = await Promise.all(etcds.map((etcd) => etcd.open()));
t.teardown(async () => {
  await Promise.all(stores.map((store) => store.close()));
  await Promise.all(etcds.map((etcd) => etcd.stop()));
});

const free = [...stores];
snapshotContract(t, 'etcd', async (t) => {
  const store = required(free.pop(), 'a free store');
  await erase(store);
  t.teardown(() => void free.push(store));
  return store;
});
