import type { Test } from 'tap';
import { CompactedError } from '#runtime/storage/compacted-error.ts';
import type { Batch, Change, Outcome, Store } from '#runtime/storage/store.ts';
import { patienceMs } from '#test/lab/patience.ts';

/** How a store under test is come by; each law works below a prefix of its own. */
export interface StoreLab {
  readonly store: Store;
}

export const bytes = (text: string): Buffer => Buffer.from(text);

/** Writes one key whatever is there and returns the revision. */
export async function put(store: Store, key: string, text: string): Promise<number> {
  return committed(await store.commit({ if: [], put: [{ key, value: bytes(text) }] }));
}

/** The revision of a commit that must have happened. */
export function committed(outcome: Outcome): number {
  if (!outcome.committed) throw new Error('the transaction was not committed');
  return outcome.revision;
}

/** Reads a watch until `enough` says so of all changes so far. */
export async function collect(
  batches: AsyncIterable<Batch>,
  enough: (changes: readonly Change[], batch: Batch) => boolean,
): Promise<readonly Change[]> {
  const changes: Change[] = [];
  for await (const batch of batches) {
    changes.push(...batch.changes);
    if (enough(changes, batch)) break;
  }
  return changes;
}

/** What every Store keeps, whatever it stands on. `t.test` names are the laws. */
export function storeContract(t: Test, name: string, lab: () => StoreLab): void {
  let counter = 0;
  const setUp = (): { readonly store: Store; readonly prefix: string; readonly signal: AbortSignal } => ({
    store: lab().store,
    prefix: `/registry/law-${++counter}/things/`,
    signal: AbortSignal.timeout(patienceMs),
  });
  const law = (words: string, body: (t: Test, at: ReturnType<typeof setUp>) => Promise<void>): void => {
    t.test(`${name}: ${words}`, (child) => body(child, setUp()));
  };

  law('a key is created once; the second creator is shown what stands there', async (t, { store, prefix }) => {
    const key = `${prefix}a`;
    const first = committed(await store.commit({ if: [{ key, revision: 0 }], put: [{ key, value: bytes('one') }] }));
    const second = await store.commit({ if: [{ key, revision: 0 }], put: [{ key, value: bytes('two') }] });
    t.equal(second.committed, false);
    if (second.committed) return;
    t.equal(second.current.get(key)?.value.toString(), 'one');
    t.equal(second.current.get(key)?.revision, first);
    t.equal((await store.read(key)).entry?.value.toString(), 'one');
  });

  law('of many who change one key from the same revision one succeeds', async (t, { store, prefix }) => {
    const key = `${prefix}a`;
    const revision = await put(store, key, 'start');
    const outcomes = await Promise.all(
      Array.from({ length: 20 }, (_, n) =>
        store.commit({ if: [{ key, revision }], put: [{ key, value: bytes(`writer ${n}`) }] }),
      ),
    );
    t.equal(outcomes.filter((outcome) => outcome.committed).length, 1);
  });

  law('a transaction changes all of its keys in one revision or none', async (t, { store, prefix, signal }) => {
    const [a, b, c] = [`${prefix}a`, `${prefix}b`, `${prefix}c`];
    const before = await put(store, a, '1');
    const refused = await store.commit({
      if: [
        { key: a, revision: before },
        { key: b, revision: 99 },
      ],
      put: [{ key: c, value: bytes('x') }],
      delete: [a],
    });
    t.equal(refused.committed, false);
    if (!refused.committed) t.same([...refused.current.keys()], [a], 'an absent key is not shown');
    t.equal((await store.read(c)).entry, undefined);
    const revision = committed(
      await store.commit({
        if: [{ key: a, revision: before }],
        put: [
          { key: b, value: bytes('2') },
          { key: c, value: bytes('3') },
        ],
        delete: [a],
      }),
    );
    const changes = await collect(store.watch(prefix, before, signal), (all) => all.length >= 3);
    t.same(
      changes
        .map((change) => [change.key, change.revision, change.value?.toString()])
        .toSorted((x, y) => (String(x[0]) < String(y[0]) ? -1 : 1)),
      [
        [a, revision, undefined],
        [b, revision, '2'],
        [c, revision, '3'],
      ],
      'and one batch brings all of them',
    );
  });

  law('deleting what is not there changes nothing', async (t, { store, prefix }) => {
    const before = await store.currentRevision();
    const outcome = await store.commit({ if: [], delete: [`${prefix}absent`] });
    t.same(outcome, { committed: true, revision: before });
  });

  law('the current revision is that of the last commit', async (t, { store, prefix }) => {
    const revision = await put(store, `${prefix}a`, '1');
    t.equal(await store.currentRevision(), revision);
    t.equal((await store.read(`${prefix}none`)).revision, revision);
    t.equal((await store.range(prefix)).revision, revision);
  });

  law('old revisions can be read as they were', async (t, { store, prefix }) => {
    const first = await put(store, `${prefix}a`, 'one');
    await put(store, `${prefix}a`, 'two');
    const third = await put(store, `${prefix}b`, 'three');
    await store.commit({ if: [], delete: [`${prefix}a`] });
    const texts = async (revision: number): Promise<readonly string[]> =>
      (await store.range(prefix, { revision })).entries.map((entry) => entry.value.toString());
    t.same(await texts(first), ['one']);
    t.same(await texts(third), ['two', 'three']);
    t.same(await texts(await store.currentRevision()), ['three']);
    t.equal((await store.range(prefix, { revision: first })).revision, first);
  });

  law('a revision that was not reached yet cannot be read', async (t, { store, prefix }) => {
    await t.rejects(store.range(prefix, { revision: 1_000_000_000 }), { code: 'WCP_HOST' });
  });

  law('pages of one revision fit together whatever is written meanwhile', async (t, { store, prefix }) => {
    const names = Array.from({ length: 50 }, (_, n) => `${prefix}${String(n).padStart(3, '0')}`);
    await store.commit({ if: [], put: names.map((key) => ({ key, value: bytes('old') })) });
    let page = await store.range(prefix, { limit: 7 });
    const { revision } = page;
    const read = [...page.entries];
    for (let n = 0; page.remaining > 0; n++) {
      t.equal(page.remaining, 50 - read.length);
      await store.commit({
        if: [],
        put: [{ key: `${prefix}${String(n * 7).padStart(3, '0')}-between`, value: bytes('new') }],
        delete: [names[49 - n] ?? ''],
      });
      page = await store.range(prefix, { limit: 7, revision, after: read.at(-1)?.key ?? '' });
      read.push(...page.entries);
    }
    t.same(
      read.map((entry) => entry.key),
      names,
    );
  });

  law('a range has the keys below its prefix only, in the order of their bytes', async (t, { store, prefix }) => {
    const inside = ['a', 'a-b/x', 'a.b/x', 'a/x', 'ab', '\u{10000}', '\uffee'];
    const outside = [prefix.slice(0, -1), `${prefix.slice(0, -1)}0`, `${prefix.slice(0, -1)}.x`];
    await store.commit({
      if: [],
      put: [...inside.map((name) => prefix + name), ...outside].map((key) => ({ key, value: bytes('x') })),
    });
    const found = (await store.range(prefix)).entries.map((entry) => entry.key.slice(prefix.length));
    const byBytes = inside.toSorted((a, b) => Buffer.compare(bytes(prefix + a), bytes(prefix + b)));
    t.same(found, byBytes);
  });

  law(
    'a range that is to start outside of its prefix has the keys below it all the same',
    async (t, { store, prefix }) => {
      const before = `${prefix.slice(0, -1)}!`;
      const behind = `${prefix.slice(0, -1)}~`;
      const keys = [`${before}a`, `${before}b`, `${prefix}a`, `${behind}a`];
      await store.commit({ if: [], put: keys.map((key) => ({ key, value: bytes('x') })) });
      const namesAfter = async (after: string): Promise<readonly string[]> =>
        (await store.range(prefix, { after, limit: 10 })).entries.map(({ key }) => key);
      t.same(await namesAfter(`${before}a`), [`${prefix}a`]);
      t.same(await namesAfter(behind), []);
    },
  );

  law('values come back byte for byte', async (t, { store, prefix, signal }) => {
    const value = Buffer.from(Array.from({ length: 256 }, (_, n) => n));
    const revision = committed(await store.commit({ if: [], put: [{ key: `${prefix}a`, value }] }));
    t.ok((await store.read(`${prefix}a`)).entry?.value.equals(value));
    const [change] = await collect(store.watch(prefix, revision - 1, signal), (all) => all.length > 0);
    t.ok(change?.value?.equals(value));
  });

  law(
    'a transaction that is too large is refused for good, and the next one goes through',
    async (t, { store, prefix }) => {
      const value = Buffer.alloc(4_000_000, 'x');
      await t.rejects(store.commit({ if: [], put: [{ key: `${prefix}a`, value }] }), { code: 'WCP_API', status: 413 });
      await put(store, `${prefix}a`, 'small');
      t.equal((await store.read(`${prefix}a`)).entry?.value.toString(), 'small');
    },
  );

  law(
    'a watch tells every change after its start once, in order, old ones and new ones',
    async (t, { store, prefix, signal }) => {
      const start = await put(store, `${prefix}0`, 'before');
      const expected: string[] = [];
      for (let n = 1; n <= 30; n++) expected.push(`${await put(store, `${prefix}${n % 5}`, String(n))}`);
      const watching = collect(store.watch(prefix, start, signal), (all) => all.length >= 61);
      for (let n = 31; n <= 60; n++) expected.push(`${await put(store, `${prefix}${n % 5}`, String(n))}`);
      const deletion = committed(await store.commit({ if: [], delete: [`${prefix}0`] }));
      const changes = await watching;
      t.same(
        changes.map((change) => String(change.revision)),
        [...expected, String(deletion)],
      );
      t.equal(changes.at(-1)?.value, undefined);
      t.equal(changes.at(-2)?.value?.toString(), '60');
    },
  );

  law(
    'a watch is not told of keys outside of its prefix, and ends when its signal aborts',
    async (t, { store, prefix }) => {
      const stop = new AbortController();
      const start = await store.currentRevision();
      const seen: string[] = [];
      const watching = (async () => {
        for await (const batch of store.watch(prefix, start, stop.signal)) {
          seen.push(...batch.changes.map((change) => change.key));
          if (seen.length > 0) stop.abort();
        }
      })();
      await put(store, '/registry/elsewhere', 'x');
      await put(store, `${prefix}a`, 'x');
      await watching;
      t.same(seen, [`${prefix}a`]);
    },
  );

  law('a watch that is left early frees its reader and disturbs nobody', async (t, { store, prefix, signal }) => {
    const start = await store.currentRevision();
    await put(store, `${prefix}a`, '1');
    await collect(store.watch(prefix, start, signal), (all) => all.length === 1);
    await put(store, `${prefix}a`, '2');
    const changes = await collect(store.watch(prefix, start, signal), (all) => all.length === 2);
    t.equal(changes.length, 2);
  });

  law('history before a compaction is gone, and said to be', async (t, { store, prefix, signal }) => {
    const first = await put(store, `${prefix}a`, 'one');
    const second = await put(store, `${prefix}a`, 'two');
    const third = await put(store, `${prefix}a`, 'three');
    await store.compact(third);
    await store.compact(second);
    t.same(
      (await store.range(prefix, { revision: third })).entries.map((entry) => entry.value.toString()),
      ['three'],
    );
    await t.rejects(store.range(prefix, { revision: second }), CompactedError);
    await t.rejects(
      collect(store.watch(prefix, first, signal), () => true),
      CompactedError,
    );
    await t.rejects(
      collect(store.watch(prefix, third - 1, signal), () => true),
      CompactedError,
      'also from the very revision of the compaction, where etcd may lack a deletion',
    );
    const later = await put(store, `${prefix}a`, 'four');
    const changes = await collect(store.watch(prefix, third, signal), (all) => all.length > 0);
    t.same(
      changes.map((change) => change.revision),
      [later],
    );
  });

  law('what a signal aborts rejects with its reason', async (t, { store, prefix }) => {
    const reason = new Error('enough');
    await t.rejects(store.read(`${prefix}a`, AbortSignal.abort(reason)), reason);
    await t.rejects(store.range(prefix, { signal: AbortSignal.abort(reason) }), reason);
  });

  law('a value with a time to live goes by itself, and the watch tells', async (t, { store, prefix, signal }) => {
    const start = await store.currentRevision();
    await store.commit({
      if: [],
      put: [
        { key: `${prefix}brief`, value: bytes('x'), ttlSeconds: 1 },
        { key: `${prefix}lasting`, value: bytes('x') },
      ],
    });
    const changes = await collect(store.watch(prefix, start, signal), (all) => all.length >= 3);
    t.equal(changes[2]?.key, `${prefix}brief`);
    t.equal(changes[2]?.value, undefined);
    t.same(
      (await store.range(prefix)).entries.map((entry) => entry.key),
      [`${prefix}lasting`],
    );
  });
}
