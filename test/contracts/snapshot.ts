import type { Test } from 'tap';
import { RefusedError } from '#runtime/base/errors.ts';
import type { SnapshotSummary } from '#runtime/snapshot/format.ts';
import { CompactedError } from '#runtime/storage/compacted-error.ts';
import { createOpener } from '#runtime/storage/encryption/encrypted-store.ts';
import type { EncryptionKey } from '#runtime/storage/encryption/encryption-keys.ts';
import { restoreStore } from '#runtime/storage/snapshot/restore.ts';
import { saveStore } from '#runtime/storage/snapshot/save.ts';
import { storeToServe } from '#runtime/storage/store-record.ts';
import type { Store } from '#runtime/storage/store.ts';
import { bytes, committed, put } from './store.ts';
import { patienceMs } from '#test/lab/patience.ts';

export async function save(store: Store): Promise<Buffer> {
  const now = new Date('2026-11-28T12:00:00Z');
  return Buffer.concat(await Array.fromAsync(saveStore({ store, now, signal: AbortSignal.timeout(patienceMs) })));
}

/** Pieces that end anywhere: a reader may rely on no border. */
export async function* inPieces(whole: Buffer, pieceBytes = 61): AsyncGenerator<Buffer> {
  for (let at = 0; at < whole.length; at += pieceBytes) yield whole.subarray(at, at + pieceBytes);
}

export async function restore(
  store: Store,
  snapshot: Buffer,
  { keys = [], pieceBytes = 61 }: { readonly keys?: readonly EncryptionKey[]; readonly pieceBytes?: number } = {},
): Promise<SnapshotSummary> {
  const requireReadable = createOpener({ keys, acceptPlain: keys.length === 0 });
  const signal = AbortSignal.timeout(60_000);
  return restoreStore({ store, read: () => inPieces(snapshot, pieceBytes), requireReadable, signal });
}

/** What is below `/registry/`, without revisions. */
export async function contentOf(store: Store): Promise<readonly (readonly [key: string, value: string])[]> {
  const { entries } = await store.range('/registry/');
  return entries.map(({ key, value }) => [key, value.toString('latin1')]);
}

/** Fails in the `n`-th call that changes something, before or after it has: what a killed process leaves behind. */
function breaking(store: Store, n: number, when: 'before' | 'after'): Store & { readonly calls: () => number } {
  let calls = 0;
  async function counted<T>(call: () => Promise<T>): Promise<T> {
    const isLast = ++calls === n;
    if (isLast && when === 'before') throw new Error('killed');
    const outcome = await call();
    if (isLast) throw new Error('killed');
    return outcome;
  }
  return {
    ...store,
    commit: (transaction, signal) => counted(() => store.commit(transaction, signal)),
    compact: (revision, signal) => counted(() => store.compact(revision, signal)),
    calls: () => calls,
  };
}

/** Makes a store that held something an empty one again. */
export async function erase(store: Store): Promise<void> {
  for (const prefix of ['/registry/', '/wcp360/']) {
    const { entries } = await store.range(prefix);
    for (let at = 0; at < entries.length; at += 100)
      await store.commit({ if: [], delete: entries.slice(at, at + 100).map(({ key }) => key) });
  }
}

const things = '/registry/example.org/things/';

async function fill(store: Store, count: number): Promise<void> {
  const entries = Array.from({ length: count }, (_, n) => ({
    key: `${things}${n}`,
    value: bytes(`{"n":${n},"ü":"\n"}`),
  }));
  for (let at = 0; at < count; at += 100) committed(await store.commit({ if: [], put: entries.slice(at, at + 100) }));
}

/** What saving and restoring keep, whatever the store. `open` gives a new, empty store each time. */
export function snapshotContract(t: Test, name: string, open: (t: Test) => Promise<Store>): void {
  const law = (words: string, body: (t: Test) => Promise<void>): void => {
    t.test(`${name}: ${words}`, body);
  };

  law('an empty store holds after a restore what the other held, in order, but what expires by itself', async (t) => {
    const before = await open(t);
    await fill(before, 1_234);
    await put(before, '/registry/core/configmaps/a/empty', '');
    await put(before, '/registry/core/configmaps/a/large', 'x'.repeat(1_400_000));
    const content = await contentOf(before);
    await before.commit({ if: [], put: [{ key: '/registry/core/events/a/e', value: bytes('{}'), ttlSeconds: 600 }] });
    const after = await open(t);
    const summary = await restore(after, await save(before), { pieceBytes: 65_536 });
    t.same(await contentOf(after), content);
    t.match(summary, { objects: 1_236, kinds: { 'core/configmaps': 2, 'example.org/things': 1_234 } });
    t.equal(summary.revision, await before.currentRevision());
  });

  law('a snapshot is of one revision, whatever is written meanwhile', async (t) => {
    const store = await open(t);
    await fill(store, 2_000);
    const content = await contentOf(store);
    const chunks: Buffer[] = [];
    for await (const chunk of saveStore({ store, now: new Date(), signal: AbortSignal.timeout(patienceMs) })) {
      chunks.push(chunk);
      await put(store, `${things}1`, 'changed');
      await put(store, `${things}zzz`, 'new');
      await store.commit({ if: [], delete: [`${things}999`] });
    }
    const after = await open(t);
    await restore(after, Buffer.concat(chunks), { pieceBytes: 65_536 });
    t.same(await contentOf(after), content);
  });

  law('no revision that a client may know from before is one of the restored store', async (t) => {
    const before = await storeToServe(await open(t));
    await fill(before, 10);
    const snapshot = await save(before);
    const [known] = (await before.range(things)).entries;
    const later = await put(before, `${things}0`, 'written after the snapshot');
    const raw = await open(t);
    await restore(raw, snapshot);
    const after = await storeToServe(raw);
    const [entry] = (await after.range(things)).entries;
    t.ok((entry?.revision ?? 0) > later + 1_000_000, 'far beyond');
    for (const revision of [0, 1, known?.revision ?? 0, later, later + 5_000, (entry?.revision ?? 0) - 1]) {
      await t.rejects(after.range(things, { revision }), CompactedError);
      await t.rejects(
        after.watch(things, revision, AbortSignal.timeout(patienceMs))[Symbol.asyncIterator]().next(),
        CompactedError,
      );
    }
    const stale = await after.commit({
      if: [{ key: `${things}0`, revision: known?.revision ?? 0 }],
      delete: [`${things}0`],
    });
    t.equal(stale.committed, false);
    const now = await after.currentRevision();
    const revision = committed(
      await after.commit({
        if: [{ key: `${things}0`, revision: entry?.revision ?? 0 }],
        put: [{ key: `${things}0`, value: bytes('on') }],
      }),
    );
    for await (const { changes } of after.watch(things, now, AbortSignal.timeout(patienceMs))) {
      if (changes.length === 0) continue;
      t.match(changes, [{ key: `${things}0`, revision }], 'and from there it goes on');
      break;
    }
    const again = await open(t);
    await restore(again, await save(after));
    t.ok(
      (await (await storeToServe(again)).currentRevision()) > revision + 1_000_000,
      'the same holds for its own snapshots',
    );
  });

  law('what is cut short or changed anywhere is refused as a whole, and leaves the store as it was', async (t) => {
    const before = await open(t);
    await fill(before, 3);
    const content = await contentOf(before);
    const snapshot = await save(before);
    const after = await open(t);
    const isRefused = async (broken: Buffer, what: string): Promise<void> => {
      const err = await restore(after, broken).then(
        () => undefined,
        (reason: unknown) => reason,
      );
      if (!(err instanceof RefusedError && err.reason === 'SnapshotDamaged')) t.fail(`${what} is refused`, { err });
    };
    for (let at = 0; at < snapshot.length; at++) {
      await isRefused(snapshot.subarray(0, at), `a snapshot cut at byte ${at}`);
      const flipped = Buffer.from(snapshot);
      flipped[at] = (flipped[at] ?? 0) ^ (1 << (at % 8));
      await isRefused(flipped, `a snapshot changed at byte ${at}`);
    }
    await isRefused(Buffer.concat([snapshot, bytes('\n')]), 'a snapshot with more behind it');
    t.same(await contentOf(after), []);
    await restore(after, snapshot);
    t.same(await contentOf(after), content);
  });

  law('a store that a server uses, or used, or that holds anything, is refused and left alone', async (t) => {
    const before = await open(t);
    await fill(before, 3);
    const snapshot = await save(before);
    await t.rejects(restore(before, snapshot), { code: 'WCP_REFUSED', reason: 'StoreNotEmpty' }, 'objects');
    const served = await open(t);
    await storeToServe(served);
    await t.rejects(
      restore(served, snapshot),
      { code: 'WCP_REFUSED', reason: 'StoreNotEmpty' },
      'a server that has written nothing yet',
    );
    const restored = await open(t);
    await restore(restored, snapshot);
    const content = await contentOf(restored);
    await t.rejects(
      restore(restored, snapshot),
      { code: 'WCP_REFUSED', reason: 'StoreNotEmpty' },
      'a restore that has ended',
    );
    t.same(await contentOf(restored), content);
  });

  law(
    'a restore that is ended at any point lets no server start, and is done when repeated, with another snapshot, too',
    async (t) => {
      const before = await open(t);
      await fill(before, 250);
      const other = await save(before);
      await before.commit({ if: [], delete: [`${things}7`] });
      const content = await contentOf(before);
      const snapshot = await save(before);
      const counting = breaking(await open(t), 0, 'before');
      await restore(counting, other);
      const after = await open(t);
      for (let n = 1; n <= counting.calls(); n++)
        for (const when of ['before', 'after'] as const) {
          await erase(after);
          await t.rejects(restore(breaking(after, n, when), other), /killed/);
          const isBegun = n > 1 || when === 'after';
          const isEnded = n === counting.calls() && when === 'after';
          if (isBegun && !isEnded)
            await t.rejects(storeToServe(after), { code: 'WCP_REFUSED', reason: 'RestoreUnfinished' }, `${when} ${n}`);
          if (isEnded) continue;
          await restore(after, snapshot);
          t.same(await contentOf(after), content);
          t.ok(await storeToServe(after));
        }
    },
  );

  law('of two restores into one store the later one has it', async (t) => {
    const before = await open(t);
    await fill(before, 250);
    const snapshot = await save(before);
    const after = await open(t);
    let second: Promise<SnapshotSummary> | undefined;
    const slow: Store = {
      ...after,
      commit: async (transaction, signal) => {
        if ((transaction.put?.length ?? 0) > 1) await (second ??= restore(after, snapshot));
        return after.commit(transaction, signal);
      },
    };
    await t.rejects(restore(slow, snapshot), { code: 'WCP_REFUSED', reason: 'RestoreTakenOver' });
    t.same(await contentOf(after), await contentOf(before));
    t.ok(await storeToServe(after));
  });

  law('what something else writes meanwhile is found, and no server starts on it', async (t) => {
    const before = await open(t);
    await fill(before, 250);
    const snapshot = await save(before);
    const after = await open(t);
    const disturbed: Store = {
      ...after,
      commit: async (transaction, signal) => {
        const outcome = await after.commit(transaction, signal);
        if ((transaction.put?.length ?? 0) > 1) await put(after, `${things}zzz`, 'of somebody else');
        return outcome;
      },
    };
    await t.rejects(restore(disturbed, snapshot), { code: 'WCP_REFUSED', reason: 'RestoreDisturbed' });
    await t.rejects(storeToServe(after), { code: 'WCP_REFUSED', reason: 'RestoreUnfinished' });
  });
}
