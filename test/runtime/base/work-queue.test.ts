import fc from 'fast-check';
import t from 'tap';
import type { Clock } from '#runtime/base/clock.ts';
import { createWorkQueue } from '#runtime/base/work-queue.ts';

/** Time that stands still until it is told to move. */
function steppedClock(): Clock & { advance(ms: number): Promise<void> } {
  let now = 0;
  let sleepers: { readonly at: number; readonly wake: () => void }[] = [];
  return {
    now: () => now,
    sleep: (ms, signal) =>
      new Promise((resolve, reject) => {
        const sleeper = { at: now + ms, wake: resolve };
        sleepers.push(sleeper);
        signal?.addEventListener('abort', () => {
          sleepers = sleepers.filter((other) => other !== sleeper);
          reject(signal.reason as Error);
        });
      }),
    advance: async (ms) => {
      const end = now + ms;
      for (;;) {
        const next = sleepers.filter(({ at }) => at <= end).toSorted((a, b) => a.at - b.at)[0];
        if (next === undefined) break;
        now = Math.max(now, next.at);
        sleepers = sleepers.filter((other) => other !== next);
        next.wake();
        await new Promise((resolve) => setImmediate(resolve));
      }
      now = end;
    },
  };
}

const plainBackoff = { firstMs: 100, maxMs: 1_000, factor: 2, jitterRatio: 0 };

t.test('a key that is added many times is given out once', async (t) => {
  const queue = createWorkQueue();
  queue.add('a');
  queue.add('a');
  queue.add('b');
  t.equal(queue.depth, 2);
  t.equal(await queue.take(), 'a');
  t.equal(await queue.take(), 'b');
  t.equal(queue.depth, 0);
  queue.close();
});

t.test('a key that is added while it is worked on comes back after it is done, and not before', async (t) => {
  const queue = createWorkQueue();
  queue.add('a');
  await queue.take();
  queue.add('a');
  let second: string | undefined;
  const taken = queue.take().then((key) => (second = key));
  await new Promise((resolve) => setImmediate(resolve));
  t.equal(second, undefined);
  queue.done('a');
  await taken;
  t.equal(second, 'a');
  queue.done('a');
  t.equal(queue.depth, 0);
  queue.close();
});

t.test('what somebody waits for overtakes a full pass, and the full pass is not starved', async (t) => {
  const queue = createWorkQueue();
  for (let n = 0; n < 3; n++) queue.add(`later-${n}`, 'later');
  for (let n = 0; n < 20; n++) queue.add(`soon-${n}`);
  const order: string[] = [];
  while (queue.depth > 0) {
    const key = (await queue.take()) ?? '';
    order.push(key);
    queue.done(key);
  }
  t.equal(order[0], 'soon-0');
  t.equal(order[8], 'later-0');
  t.equal(order.length, 23);
  queue.close();
});

t.test('a key that waits for the full pass is promoted when it becomes urgent, and still given out once', async (t) => {
  const queue = createWorkQueue();
  queue.add('x', 'later');
  queue.add('y', 'later');
  queue.add('y', 'soon');
  t.equal(await queue.take(), 'y');
  t.equal(await queue.take(), 'x');
  queue.done('x');
  queue.done('y');
  t.equal(queue.depth, 0);
  queue.close();
});

t.test('of keys that share something only so many are worked on at once, and the others go on', async (t) => {
  const queue = createWorkQueue({
    shareOf: (key) => (key.startsWith('slow') ? { of: 'slow', atOnce: 2 } : undefined),
  });
  const idle = async (): Promise<unknown> => await new Promise((resolve) => setImmediate(resolve));
  for (const key of ['slow-1', 'slow-2', 'slow-3', 'slow-4', 'a']) queue.add(key);
  t.same([await queue.take(), await queue.take(), await queue.take()], ['slow-1', 'slow-2', 'a']);
  const next: (string | undefined)[] = [];
  const takers = [1, 2, 3].map(async () => void next.push(await queue.take()));
  queue.add('slow-3', 'soon');
  await idle();
  t.same(next, [], 'nobody else may be worked on now');
  queue.add('b');
  await idle();
  t.same(next, ['b']);
  queue.done('slow-2');
  queue.done('slow-1');
  await Promise.all(takers);
  t.same(next, ['b', 'slow-3', 'slow-4']);
  for (const key of ['a', 'b', 'slow-3', 'slow-4']) queue.done(key);
  t.equal(queue.depth, 0);
  queue.close();
});

t.test('who observes a queue is told of its depth as it is, down to none', async (t) => {
  const depths: number[] = [];
  const tell = (): void => void depths.push(queue.depth);
  const queue = createWorkQueue({ observer: { onAdded: tell, onTaken: tell } });
  queue.add('a');
  queue.add('b');
  await queue.take();
  await queue.take();
  t.same(depths, [1, 2, 1, 0]);
  queue.close();
});

t.test('failures back off exponentially up to the bound, and start anew after success', async (t) => {
  const clock = steppedClock();
  const queue = createWorkQueue({ clock, backoff: plainBackoff });
  t.same(
    [1, 2, 3, 4, 5].map(() => queue.retry('a')),
    [100, 200, 400, 800, 1_000],
  );
  t.equal(queue.attempts('a'), 5);
  queue.forget('a');
  t.equal(queue.attempts('a'), 0);
  t.equal(queue.retry('a'), 100);
  queue.close();
});

t.test(
  'what is to be tried again at a known time is, however often it failed, and no later than anything else',
  async (t) => {
    const clock = steppedClock();
    const queue = createWorkQueue({ clock, backoff: plainBackoff });
    t.same(
      [30, 0, -5, 400, 70_000].map((atMs) => queue.retry('a', atMs)),
      [30, 0, 0, 400, 1_000],
    );
    t.equal(queue.attempts('a'), 5);
    await clock.advance(0);
    t.equal(await queue.take(), 'a');
    queue.close();
  },
);

t.test('of several delays of one key the earliest counts, and it fires once', async (t) => {
  const clock = steppedClock();
  const queue = createWorkQueue({ clock });
  queue.addAfter('a', 500);
  queue.addAfter('a', 200);
  queue.addAfter('a', 900);
  queue.addAfter('b', 300);
  await clock.advance(199);
  t.equal(queue.depth, 0);
  await clock.advance(1);
  t.equal(await queue.take(), 'a');
  queue.done('a');
  await clock.advance(2_000);
  t.equal(await queue.take(), 'b');
  t.equal(queue.depth, 0);
  queue.close();
});

t.test('delays longer than what a timer can hold do not fire at once', async (t) => {
  const queue = createWorkQueue();
  queue.addAfter('a', 40 * 24 * 3_600_000);
  await new Promise((resolve) => setTimeout(resolve, 20));
  t.equal(queue.depth, 0);
  queue.close();
});

t.test('closing lets go of everybody who waits', async (t) => {
  const queue = createWorkQueue();
  const waiting = [queue.take(), queue.take()];
  queue.close();
  t.same(await Promise.all(waiting), [undefined, undefined]);
  queue.add('a');
  t.equal(await queue.take(), undefined);
});

t.test('whatever happens in whatever order, nothing added is lost and no key is worked on twice at once', async () => {
  const step = fc.oneof(
    fc.record({ do: fc.constant('add' as const), key: fc.constantFrom('a', 'b', 'c', 'd'), later: fc.boolean() }),
    fc.record({ do: fc.constant('after' as const), key: fc.constantFrom('a', 'b', 'c', 'd'), ms: fc.nat(50) }),
    fc.record({ do: fc.constant('retry' as const), key: fc.constantFrom('a', 'b', 'c', 'd') }),
    fc.record({ do: fc.constant('take' as const) }),
    fc.record({ do: fc.constant('done' as const) }),
    fc.record({ do: fc.constant('wait' as const), ms: fc.nat(200) }),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
      const clock = steppedClock();
      const shareOf = (key: string) => (key < 'c' ? { of: 'ab', atOnce: 1 } : undefined);
      const queue = createWorkQueue({ clock, backoff: plainBackoff, shareOf });
      const owed = new Set<string>();
      const active: string[] = [];
      const take = async (): Promise<void> => {
        const key = (await queue.take()) ?? '';
        if (active.includes(key)) throw new Error(`${key} twice at once`);
        active.push(key);
        if (active.filter((each) => each < 'c').length > 1) throw new Error('more than their share at once');
        owed.delete(key);
      };
      const done = (): void => {
        const key = active.shift();
        if (key !== undefined) queue.done(key);
      };
      const mayBeTaken = (key: string): boolean =>
        !active.includes(key) && (key >= 'c' || !active.some((each) => each < 'c'));
      const isTakeable = (): boolean => [...owed].some(mayBeTaken) && queue.depth > 0;
      for (const one of steps) {
        if (one.do === 'add') {
          queue.add(one.key, one.later ? 'later' : 'soon');
          owed.add(one.key);
        } else if (one.do === 'after') {
          queue.addAfter(one.key, one.ms);
          owed.add(one.key);
        } else if (one.do === 'retry') {
          queue.retry(one.key);
          owed.add(one.key);
        } else if (one.do === 'wait') await clock.advance(one.ms);
        else if (one.do === 'done') done();
        else {
          await clock.advance(2_000);
          if (isTakeable()) await take();
        }
      }
      await clock.advance(5_000);
      while (active.length > 0) done();
      while (queue.depth > 0) {
        await take();
        done();
      }
      queue.close();
      if (owed.size > 0) throw new Error(`lost: ${[...owed].join()}`);
    }),
    { numRuns: 200 },
  );
});

t.test('ten thousand keys go through in a time that does not grow with what waits', async (t) => {
  const queue = createWorkQueue();
  const count = 100_000;
  for (let n = 0; n < count; n++) queue.add(`k${n}`);
  const started = process.cpuUsage();
  for (let n = 0; n < count; n++) queue.done((await queue.take()) ?? '');
  const microseconds = process.cpuUsage(started).user / count;
  t.comment(`${microseconds.toFixed(2)} µs a key`);
  t.ok(microseconds < 50);
  queue.close();
});
