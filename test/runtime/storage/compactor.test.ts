import t from 'tap';
import type { Clock } from '#runtime/base/clock.ts';
import { HostError } from '#runtime/base/errors.ts';
import { runCompactor } from '#runtime/storage/compactor.ts';
import { openMemoryStore } from '#runtime/storage/memory/memory-store.ts';
import type { Store } from '#runtime/storage/store.ts';
import { put } from '#test/contracts/store.ts';

const minuteMs = 60_000;

/** Runs the compactor for some minutes, with one write each, and tells the revision after each minute. */
async function run(store: Store, minutes: number, write: Store = store): Promise<readonly number[]> {
  const stop = new AbortController();
  const revisions: number[] = [];
  let nowMs = 0;
  const clock: Clock = {
    now: () => nowMs,
    sleep: async (ms) => {
      for (let passed = 0; passed < ms; passed += minuteMs) {
        nowMs += minuteMs;
        revisions.push(await put(write, '/registry/a', String(nowMs)));
      }
      if (revisions.length >= minutes) stop.abort();
    },
  };
  await runCompactor({ store, signal: stop.signal, clock });
  return revisions;
}

t.test('ten minutes of history stay, and what is older than fifteen goes', async (t) => {
  const store = openMemoryStore();
  const revisions = await run(store, 60);
  const at = (minutesAgo: number): number => revisions.at(-1 - minutesAgo) ?? 0;
  t.ok(await store.range('/registry/', { revision: at(10) }));
  await t.rejects(store.range('/registry/', { revision: at(21) }), { code: 'WCP_API', reason: 'Expired' });
});

t.test('in the first ten minutes nothing is forgotten', async (t) => {
  const store = openMemoryStore();
  const [first] = await run(store, 10);
  t.ok(await store.range('/registry/', { revision: first ?? 0 }));
});

t.test('a store that does not answer for a while is compacted later', async (t) => {
  const store = openMemoryStore();
  let calls = 0;
  const flaky: Store = {
    ...store,
    currentRevision: (signal) =>
      calls++ % 2 === 0 ? Promise.reject(new HostError('away')) : store.currentRevision(signal),
  };
  const revisions = await run(flaky, 120, store);
  await t.rejects(store.range('/registry/', { revision: revisions[60] ?? 0 }), { code: 'WCP_API', reason: 'Expired' });
  t.ok(await store.range('/registry/', { revision: revisions.at(-11) ?? 0 }));
});
