import t from 'tap';
import { isEqual } from '#runtime/base/json.ts';
import { LostLeadershipError, PostponedError, RefusedError } from '#runtime/base/errors.ts';
import { rfc3339, systemClock } from '#runtime/base/clock.ts';
import { resourceTypeOf } from '#runtime/client/resource-type.ts';
import { startHeartbeat } from '#runtime/manager/heartbeat.ts';
import { silentLogger } from '#runtime/telemetry/logger.ts';
import { leaseKind } from '#schemas/meta/builtin.ts';
import type { KubeObject } from '#schemas/meta/object.ts';
import { createStatusWriter } from '#runtime/manager/status-writer.ts';
import { setUp } from '#test/lab/widget-lab.ts';
import {
  aWidget,
  conditionOf,
  configMapType,
  eventually,
  refusal,
  shelfDriver,
  shelves,
  widgetController,
  widgetType,
  type WidgetController,
  type Widget,
} from '#test/lab/widgets.ts';

const finalizer = 'test.wcp360.io/host';
const leaseType = resourceTypeOf(leaseKind);

/** Long enough for anything that would happen by itself. */
const calm = async (ms = 250): Promise<void> => await new Promise((resolve) => setTimeout(resolve, ms));

t.test('what is declared is made, told, and then left alone', async (t) => {
  const { client, shop, start, settled, writes } = await setUp(t);
  const manager = await start();
  await client.create(widgetType, aWidget('one', { parts: ['b', 'A'] }));
  const widget = await settled('one', 'Standing');
  t.same(shelves(shop), { lower: { 'Widget/default/one': ['a', 'b'] }, upper: { 'Widget/default/one': ['a', 'b'] } });
  t.same(shop.history, ['put lower a', 'put lower b', 'put upper a', 'put upper b']);
  t.same(widget.metadata.finalizers, [finalizer]);
  t.same((widget['status'] as { parts: unknown }).parts, ['a', 'b']);
  t.equal(conditionOf(widget, 'Reconciling'), undefined, 'abnormal conditions are there only while true');
  await eventually(() => writes.some((write) => write.startsWith('POST')), 'the event');
  await calm();
  const [wrote, looked] = [writes.length, shop.looks];
  manager.resync();
  await calm();
  t.equal(writes.length, wrote, 'a full pass with nothing changed writes nothing');
  t.equal(shop.looks, looked, 'and asks the world nothing');
});

t.test(
  'a condition goes from a writer that died to another and on to a third, and is whole at every moment',
  async (t) => {
    const { client, start, settled, patch, widget } = await setUp(t);
    /** Says who speaks, and speaks itself while its label stands on the widget. */
    const speaker = (name: string) =>
      ({
        name: `widget.${name}`,
        status: ({ metadata: { labels = {} } }: KubeObject) => {
          const { speaker: spoken = 'nobody' } = labels;
          const said = { status: 'True', reason: spoken, message: `${spoken} speaks.` };
          const types = spoken === name ? [`By-${name}`, 'Ready'] : [`By-${name}`];
          return { fields: {}, conditions: types.map((type) => ({ type, ...said })) };
        },
      }) as Partial<WidgetController>;
    const lets = async (name: string): Promise<unknown> =>
      await patch('one', { metadata: { labels: { speaker: name } } });
    const host = await start(speaker('host'));
    await client.create(widgetType, aWidget('one', { parts: ['a'] }));
    await lets('host');
    await settled('one', 'host');
    await host.close();
    await start(speaker('cluster'));
    await lets('cluster');
    await settled('one', 'cluster');
    await lets('host');
    const isWritten = async () => conditionOf(await widget('one'), 'By-cluster')?.['reason'] === 'host';
    await eventually(isWritten, 'what else it says to be written');
    t.match(
      conditionOf(await widget('one'), 'Ready'),
      { status: 'True', reason: 'cluster' },
      'repeated while nobody takes it over',
    );
    await start(speaker('host'));
    await settled('one', 'host');
    await lets('nobody');
    await eventually(
      async () => conditionOf(await widget('one'), 'Ready') === undefined,
      'and gone once nobody says it',
    );
  },
);

t.test('a change makes first and takes away last; a deletion goes backwards and lets go at the end', async (t) => {
  const { client, shop, start, settled, patch, widget } = await setUp(t);
  await start();
  await client.create(widgetType, aWidget('one', { parts: ['a'] }));
  await settled('one', 'Standing');
  shop.history.length = 0;
  await patch('one', { spec: { parts: ['b'] } });
  await settled('one', 'Standing');
  t.same(shop.history, ['put lower b', 'put upper b', 'delete upper a', 'delete lower a']);
  shop.history.length = 0;
  await client.delete(widgetType, { namespace: 'default', name: 'one' });
  await eventually(async () => (await widget('one')) === undefined, 'it to go');
  t.same(shop.history, ['delete upper b', 'delete lower b']);
  t.same(shelves(shop), { lower: {}, upper: {} });
});

t.test('an object that waits says for what, and goes on when that comes', async (t) => {
  const { client, start, settled } = await setUp(t);
  await start();
  await client.create(widgetType, aWidget('one', { parts: ['a'], needs: 'plan' }));
  const waiting = await settled('one', 'Missing');
  t.match(conditionOf(waiting, 'Reconciling'), {
    status: 'True',
    reason: 'Missing',
    message: 'ConfigMap plan is not there yet.',
  });
  await client.create(configMapType, {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: 'plan', namespace: 'default' },
  });
  const done = await settled('one', 'Standing');
  t.equal(conditionOf(done, 'Reconciling'), undefined);
});

t.test('what can not be carried out is stalled, and every other object goes on', async (t) => {
  const { client, shop, start, settled, patch } = await setUp(t);
  shop.before = (what) => {
    if (what.endsWith(' rare')) throw refusal('None left.');
  };
  await start();
  await client.create(widgetType, aWidget('bad', { parts: ['rare'] }));
  await client.create(widgetType, aWidget('wrong', { parts: ['refused'] }));
  await client.create(widgetType, aWidget('good', { parts: ['a'] }));
  await settled('good', 'Standing');
  t.match(conditionOf(await settled('bad', 'OutOfStock'), 'Stalled'), { status: 'True', message: 'None left.' });
  t.match(conditionOf(await settled('wrong', 'NotDealtIn'), 'Stalled'), { status: 'True' });
  let tries = 0;
  shop.before = () => void tries++;
  await patch('bad', { metadata: { labels: { touched: 'yes' } } });
  await calm();
  t.equal(tries, 0, 'the same is not tried again');
  await patch('bad', { spec: { parts: ['common'] } });
  t.equal(conditionOf(await settled('bad', 'Standing'), 'Stalled'), undefined);
});

t.test('what is in the way of an object refuses it as a whole, until that is gone', async (t) => {
  const { client, shop, start, settled, patch } = await setUp(t);
  const upper = shelfDriver('upper');
  upper.conflict = (desired, snapshot) => {
    const isTaken = snapshot.get('Widget/default/other')?.isDisjointFrom(desired) === false;
    return isTaken ? { reason: 'PartTaken', message: 'Another widget has such a part.' } : undefined;
  };
  shop.upper.set('Widget/default/other', new Set(['b']));
  await start({ drivers: { lower: shelfDriver('lower'), upper } });
  await client.create(widgetType, aWidget('one', { parts: ['a', 'b'] }));
  const refused = await settled('one', 'PartTaken');
  t.match(conditionOf(refused, 'Stalled'), { status: 'True', message: 'Another widget has such a part.' });
  t.same(shop.history, [], 'nothing was made, not even where nothing is in the way');
  shop.upper.delete('Widget/default/other');
  await patch('one', { metadata: { annotations: { 'hosting.wcp360.io/requested-at': 'now' } } });
  await settled('one', 'Standing');
});

t.test('a failure is told with its count and the next try, and tried until it goes', async (t) => {
  const { client, shop, start, settled } = await setUp(t);
  let left = 2;
  shop.before = () => {
    if (left-- > 0) throw new Error('secret details of the inside');
  };
  await start();
  await client.create(widgetType, aWidget('one', { parts: ['a'] }));
  const failed = await settled('one', 'ApplyFailed');
  t.match(
    conditionOf(failed, 'Reconciling')?.['message'],
    /^Attempt \d failed; the next one is at .*Z\. An internal error/,
  );
  t.notMatch(JSON.stringify(failed['status']), /secret details/);
  t.equal(conditionOf(await settled('one', 'Standing'), 'Reconciling'), undefined);
});

t.test('the status of a failure, coming back as a change, does not cut its back-off short', async (t) => {
  const { client, shop, start, settled } = await setUp(t);
  let tries = 0;
  shop.before = () => {
    tries += 1;
    throw new Error('never');
  };
  await start();
  const begunMs = performance.now();
  await client.create(widgetType, aWidget('one', { parts: ['a'] }));
  await settled('one', 'ApplyFailed');
  await calm(1_500);
  // 0.2 s doubling, a tenth less at most: after 0, 0.2, 0.6 and 1.4 s, and once more where the first change came in two steps.
  const most = 2 + Math.ceil(Math.log2((performance.now() - begunMs) / 180 + 1));
  t.ok(tries <= most, `${tries} tries, ${most} at most`);
});

t.test('what is postponed until a time is tried again then, and not meanwhile', async (t) => {
  const { client, shop, start, settled } = await setUp(t);
  let untilMs = 0;
  let early = 0;
  shop.before = () => {
    untilMs ||= Math.ceil(Date.now() / 1_000) * 1_000 + 3_500;
    if (Date.now() >= untilMs) return;
    early += 1;
    throw new PostponedError('Remembered', 'Somebody remembers it.', { untilMs });
  };
  await start();
  await client.create(widgetType, aWidget('one', { parts: ['a'] }));
  const told = await settled('one', 'Remembered');
  t.match(conditionOf(told, 'Reconciling')?.['message'], `the next one is at ${rfc3339(untilMs)}`);
  await settled('one', 'Standing');
  // By its back-off it would be tried five times, and a sixth one after 6.2 s.
  t.ok(early <= 2, `${early} tries before`);
});

t.test('a manager that dies at any action is taken over by the next one, and the end is the same', async (t) => {
  const { client, shop, start, settled, patch, widget } = await setUp(t);
  const scenario: readonly {
    readonly why: string;
    readonly go: () => Promise<unknown>;
    readonly reached: () => Promise<unknown>;
  }[] = [
    {
      why: 'create',
      go: () => client.create(widgetType, aWidget('one', { parts: ['a', 'b'] })),
      reached: () => settled('one', 'Standing'),
    },
    {
      why: 'change',
      go: () => patch('one', { spec: { parts: ['b', 'c'] } }),
      reached: () => settled('one', 'Standing'),
    },
    {
      why: 'delete',
      go: () => client.delete(widgetType, { namespace: 'default', name: 'one' }),
      reached: () => eventually(async () => (await widget('one')) === undefined, 'it to go'),
    },
  ];
  const ends = [['a', 'b'], ['b', 'c'], []];
  let points = 0;
  for (let at = 0; at < 4; at++) {
    for (const [index, { why, go, reached }] of scenario.entries()) {
      let count = 0;
      const stop = new AbortController();
      shop.before = () => {
        if (count++ !== at) return;
        stop.abort(new Error('killed'));
        throw new Error('killed');
      };
      const manager = await start({}, { signal: stop.signal });
      await go();
      await eventually(() => count > at, `action ${at} of ${why}`);
      await manager.close();
      shop.before = () => undefined;
      const next = await start();
      await reached();
      await next.close();
      t.same(
        shelves(shop).lower,
        index === 2 ? {} : { 'Widget/default/one': ends[index] },
        `${why} killed at action ${at}`,
      );
      t.same(shelves(shop).upper, shelves(shop).lower);
      points += 1;
    }
  }
  t.comment(`${points} points covered`);
});

t.test('a full pass over many objects leaves everything else in the process its turns', async (t) => {
  const { client, start } = await setUp(t);
  const names = Array.from({ length: 60 }, (_, n) => `w${n}`);
  for (const name of names) await client.create(widgetType, aWidget(name, { parts: ['a'] }));
  let [ticks, isPassing] = [0, false];
  const ticksAtRounds: number[] = [];
  const { gather } = widgetController();
  const manager = await start({
    gather: (widget, cache) => {
      if (isPassing) {
        ticksAtRounds.push(ticks);
        // What looking takes where there is more to look at.
        const since = performance.now();
        while (performance.now() - since < 4);
      }
      return gather(widget, cache);
    },
  });
  const isReady = async (): Promise<boolean> =>
    (await client.list(widgetType)).items.every((widget) => conditionOf(widget, 'Ready')?.['status'] === 'True');
  await eventually(isReady, 'all of them');
  await calm();
  const timer = setInterval(() => (ticks += 1), 1);
  t.teardown(() => clearInterval(timer));
  isPassing = true;
  manager.resync();
  await eventually(() => ticksAtRounds.length >= names.length, 'the pass');
  const atOnce = Map.groupBy(ticksAtRounds, (count) => count).values();
  t.ok(Math.max(...[...atOnce].map((rounds) => rounds.length)) < names.length / 2, 'timers fired in between');
});

t.test('a paused object is looked at and not changed, not even taken down', async (t) => {
  const { client, shop, start, settled, patch, widget } = await setUp(t);
  await start();
  await client.create(
    widgetType,
    aWidget('one', { parts: ['a'] }, { annotations: { 'hosting.wcp360.io/paused': 'true' } }),
  );
  t.match(conditionOf(await settled('one', 'Drifted'), 'Ready'), { message: '2 withheld.' });
  await client.delete(widgetType, { namespace: 'default', name: 'one' });
  await calm();
  t.ok(await widget('one'));
  t.same(shop.history, []);
  await patch('one', { metadata: { annotations: { 'hosting.wcp360.io/paused': null } } });
  await eventually(async () => (await widget('one')) === undefined, 'it to go');
});

t.test('drift is repaired at once, or only told, as the object says', async (t) => {
  const { client, shop, start, settled } = await setUp(t);
  await start();
  for (const drift of ['Enforce', 'Warn'] as const)
    await client.create(widgetType, aWidget(drift.toLowerCase(), { parts: ['a'], drift }));
  await client.create(widgetType, aWidget('observe', { parts: ['a'], drift: 'Observe' }));
  await settled('enforce', 'Standing');
  await settled('warn', 'Standing');
  await settled('observe', 'Drifted');
  shop.lower.delete('Widget/default/enforce');
  shop.lower.delete('Widget/default/warn');
  shop.drift(['Widget/default/enforce', 'Widget/default/warn']);
  await settled('warn', 'Drifted');
  await eventually(() => shop.lower.has('Widget/default/enforce'), 'the repair');
  t.same(Object.keys(shelves(shop).lower), ['Widget/default/enforce']);
});

t.test('a change of the object is carried out under Warn, for it is no drift', async (t) => {
  const { client, shop, start, settled, patch } = await setUp(t);
  await start();
  await client.create(widgetType, aWidget('one', { parts: ['a'], drift: 'Warn' }));
  await settled('one', 'Standing');
  await patch('one', { spec: { parts: ['b'] } });
  await settled('one', 'Standing');
  t.same(shelves(shop).upper, { 'Widget/default/one': ['b'] });
});

t.test('what is wanted anew since a restart is no drift where nobody else was there', async (t) => {
  const { client, shop, start, settled } = await setUp(t);
  const first = await start();
  await client.create(widgetType, aWidget('one', { parts: ['a'], drift: 'Warn' }));
  await settled('one', 'Standing');
  await first.close();
  const desired = () => ({ lower: new Set(['a', 'b']), upper: new Set(['a', 'b']) });
  const [lower, upper] = [shelfDriver('lower'), shelfDriver('upper')];
  const second = await start({ desired, drivers: { upper, lower: { ...lower, isAsLeft: () => false } } });
  await settled('one', 'Drifted');
  await second.close();
  await start({ desired, drivers: { upper, lower: { ...lower, isAsLeft: () => true } } });
  await settled('one', 'Standing');
  t.same(shelves(shop).upper, { 'Widget/default/one': ['a', 'b'] });
});

t.test('no drift policy holds back what is imposed, and Warn not even its end', async (t) => {
  const { client, shop, start, settled, patch } = await setUp(t);
  const isImposed = ({ spec }: Widget): boolean => spec.parts.includes('limit');
  await start({ isImposed });
  for (const drift of ['Warn', 'Observe'] as const)
    await client.create(widgetType, aWidget(drift.toLowerCase(), { parts: ['limit'], drift }));
  for (const name of ['warn', 'observe']) await settled(name, 'Standing');
  shop.lower.delete('Widget/default/warn');
  shop.drift(['Widget/default/warn']);
  await eventually(() => shop.lower.has('Widget/default/warn'), 'the repair');
  for (const name of ['warn', 'observe']) await patch(name, { spec: { parts: ['a'] } });
  await settled('warn', 'Standing');
  await settled('observe', 'Drifted');
  const own = { 'Widget/default/observe': ['limit'], 'Widget/default/warn': ['a'] };
  t.same(shelves(shop), { lower: own, upper: own });
});

t.test('nor does a pause hold back what is imposed, but only its end', async (t) => {
  const { client, shop, start, settled, patch } = await setUp(t);
  await start({ isImposed: ({ spec }: Widget): boolean => spec.parts.includes('limit') });
  await client.create(widgetType, aWidget('one', { parts: ['a'] }));
  await settled('one', 'Standing');
  await patch('one', { metadata: { annotations: { 'hosting.wcp360.io/paused': 'true' } }, spec: { parts: ['limit'] } });
  await eventually(() => isEqual(shelves(shop).lower, { 'Widget/default/one': ['limit'] }), 'the limit');
  await settled('one', 'Standing');
  await patch('one', { spec: { parts: ['b'] } });
  await settled('one', 'Drifted');
  t.same(shelves(shop).lower, { 'Widget/default/one': ['limit'] });
});

t.test('a request to look again is carried out and answered', async (t) => {
  const { client, shop, start, settled, patch, widget } = await setUp(t);
  await start();
  await client.create(widgetType, aWidget('one', { parts: ['a'] }));
  await settled('one', 'Standing');
  shop.lower.clear();
  await patch('one', { metadata: { annotations: { 'hosting.wcp360.io/requested-at': 'now' } } });
  await eventually(async () => {
    const found = await widget('one');
    return (found?.['status'] as { lastHandledRequestAt?: string } | undefined)?.lastHandledRequestAt === 'now';
  }, 'the answer');
  t.same(shelves(shop).lower, { 'Widget/default/one': ['a'] });
});

t.test('Ready is not said before the look from outside agrees', async (t) => {
  const { client, shop, start, settled } = await setUp(t);
  shop.isOpen = false;
  await start();
  await client.create(widgetType, aWidget('one', { parts: ['a'] }));
  t.match(conditionOf(await settled('one', 'Closed'), 'Reconciling'), { status: 'True' });
  shop.isOpen = true;
  await settled('one', 'Standing');
});

t.test('objects of one moment share a settle', async (t) => {
  const { client, shop, start, settled } = await setUp(t);
  // So long that all come while the first one settles.
  shop.settleMs = 1_000;
  await Promise.all(
    ['a', 'b', 'c', 'd', 'e', 'f'].map((name) => client.create(widgetType, aWidget(name, { parts: ['x'] }))),
  );
  await start();
  for (const name of ['a', 'b', 'c', 'd', 'e', 'f']) await settled(name, 'Standing');
  t.equal(shop.settled.flat().length, 12);
  t.ok(shop.settled.length <= 8, `${shop.settled.length} settles for 12 actions`);
});

t.test('an object that is deleted before its finalizer was there is not taken down', async (t) => {
  const { client, shop, start, widget } = await setUp(t);
  shop.lower.set('Widget/default/one', new Set(['kept']));
  await client.create(widgetType, aWidget('one', {}, { finalizers: ['test.wcp360.io/other'] }));
  await client.delete(widgetType, { namespace: 'default', name: 'one' });
  await start();
  await calm();
  t.ok(await widget('one'));
  t.same(shelves(shop).lower, { 'Widget/default/one': ['kept'] });
});

t.test('a controller whose finalizer is set by placement waits for it', async (t) => {
  const { client, shop, start, settled, patch } = await setUp(t);
  await start({ finalizerSetBy: 'placement' });
  await client.create(widgetType, aWidget('one', { parts: ['a'] }));
  await calm();
  t.same(shop.history, []);
  await patch('one', { metadata: { finalizers: [finalizer] } });
  await settled('one', 'Standing');
});

t.test('what leaves is taken down, what was said of it is taken back, and only then its finalizer goes', async (t) => {
  const { client, shop, start, settled, patch, widget } = await setUp(t);
  const isGoing = ({ metadata }: KubeObject): boolean => metadata.annotations?.['going'] === 'true';
  await start({
    leaves: isGoing,
    status: (object, { outcome }) => ({
      fields: {},
      conditions: isGoing(object)
        ? []
        : [{ type: 'Ready', status: 'True', reason: outcome.phase === 'synced' ? 'Standing' : 'Not', message: 'so' }],
    }),
  });
  await client.create(widgetType, aWidget('one', { parts: ['a'] }));
  await settled('one', 'Standing');
  await patch('one', { metadata: { annotations: { going: 'true' } } });
  const left = await eventually(async () => {
    const object = await widget('one');
    return object?.metadata.finalizers === undefined ? object : undefined;
  }, 'the finalizer to go');
  t.equal(conditionOf(left, 'Ready'), undefined);
  t.same(shelves(shop).lower, {});
  await calm();
  shop.history.length = 0;
  await patch('one', { metadata: { labels: { changed: 'again' } } });
  await calm();
  t.same(shop.history, [], 'and nothing is made again');
});

t.test('what was said is taken back, once, though the cache does not show yet that it was', async (t) => {
  const { client, patch, widget } = await setUp(t);
  const { signal } = new AbortController();
  const writer = createStatusWriter({ client, type: widgetType, fieldManager: 'wcp360-lab' });
  const ready = {
    type: 'Ready',
    status: 'False',
    reason: 'Waiting',
    message: 'It waits.',
    lastTransitionTime: rfc3339(0),
  };
  const said = { conditions: [ready] };
  const seen = await client.create(widgetType, aWidget('one', { parts: ['a'] }));
  const others = await patch('one', { metadata: { labels: { by: 'somebody' } } });
  t.notOk(await writer.write(seen, {}, signal), 'nothing was said');
  t.ok(await writer.write(seen, said, signal));
  for (const shown of [seen, others]) t.notOk(await writer.write(shown, said, signal), 'it is said');
  t.ok(await writer.write(others, {}, signal));
  t.equal(conditionOf(await widget('one'), 'Ready'), undefined);
  const now = (await widget('one')) as KubeObject;
  for (const shown of [seen, others, now]) t.notOk(await writer.write(shown, {}, signal), 'it is taken back');
  t.ok(await writer.write(now, said, signal));
});

t.test('finalizers of others are set in one write with its own, and dropped where nobody is meant', async (t) => {
  const { client, start, settled, patch, widget } = await setUp(t);
  const isWanted = ({ metadata }: KubeObject): boolean => metadata.annotations?.['other'] === 'true';
  const other = 'test.wcp360.io/other';
  await start({ holdsFor: (object) => (isWanted(object) ? { add: [other], drop: [] } : { add: [], drop: [other] }) });
  await client.create(widgetType, aWidget('one', { parts: ['a'] }, { annotations: { other: 'true' } }));
  const held = await settled('one', 'Standing');
  t.same(held.metadata.finalizers, [finalizer, other]);
  await patch('one', { metadata: { annotations: { other: null } } });
  const isDropped = async () => (await widget('one'))?.metadata.finalizers?.join() === finalizer;
  await eventually(isDropped, 'the other’s finalizer to go');
});

t.test('an object that vanished without a deletion is forgotten, and nothing is taken down for it', async (t) => {
  const { client, shop, start, settled, patch, widget } = await setUp(t);
  await start();
  await client.create(widgetType, aWidget('one', { parts: ['a'] }));
  await settled('one', 'Standing');
  const manager = await start({ name: 'widget.second' });
  await manager.close();
  shop.before = () => {
    throw new Error('nothing may be done');
  };
  await patch('one', { metadata: { finalizers: null } });
  await client.delete(widgetType, { namespace: 'default', name: 'one' }).catch(() => undefined);
  await calm();
  t.same(shelves(shop).upper, { 'Widget/default/one': ['a'] });
  t.ok((await widget('one')) === undefined || true);
});

t.test('only the leader works; another takes over when it goes, and one that lost the lease stops', async (t) => {
  const { client, shop, start, settled } = await setUp(t);
  const election = (identity: string) => ({
    leaderElection: {
      namespace: 'default',
      name: 'lab',
      identity,
      leaseMs: 60_000,
      renewDeadlineMs: 40_000,
      retryMs: 50,
    },
  });
  const first = await start({}, election('first'));
  await client.create(widgetType, aWidget('one', { parts: ['a'] }));
  await settled('one', 'Standing');
  const second = await start({}, election('second'));
  await first.close();
  await client.create(widgetType, aWidget('two', { parts: ['a'] }));
  await settled('two', 'Standing');
  const lease = await client.get(leaseType, { namespace: 'default', name: 'lab' });
  t.match(lease?.['spec'], { holderIdentity: 'second', leaseTransitions: 1 });
  const spec = { ...(lease?.['spec'] as object), holderIdentity: 'thief', renewTime: '2030-01-01T00:00:00.000000Z' };
  await client.patch(leaseType, { namespace: 'default', name: 'lab' }, { type: 'merge', body: { spec } });
  await t.rejects(second.ended, LostLeadershipError);
  await client.create(widgetType, aWidget('three', { parts: ['a'] }));
  await calm();
  t.notOk(shop.lower.has('Widget/default/three'));
});

t.test('who holds a Lease renews it by one request, and notices whoever takes it', async (t) => {
  const { client, lab } = await setUp(t);
  const stop = new AbortController();
  const metadata = { namespace: 'default', name: 'lab' };
  const parts = { ...metadata, client, clock: systemClock, log: silentLogger, signal: stop.signal, everyMs: 5 };
  await client.create(leaseType, { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', metadata, spec: {} });
  const { ended } = await startHeartbeat({ ...parts, identity: 'machine' });
  const verbs = () =>
    lab.auditLines
      .map((line) => JSON.parse(line) as { readonly verb: string; readonly requestURI: string })
      .filter(({ requestURI }) => requestURI.endsWith('/leases/lab'))
      .map(({ verb }) => verb);
  const [look, ...renewals] = await eventually(() => (verbs().length > 5 ? verbs() : undefined), 'some renewals');
  t.equal(look, 'get');
  t.same(new Set(renewals), new Set(['update']));
  await client.patch(leaseType, metadata, { type: 'merge', body: { spec: { holderIdentity: 'thief' } } });
  await t.rejects(ended, RefusedError);
  stop.abort();
});

t.test(
  'a process with the identity of one that was killed leads at once, any other only when the lease is over',
  async (t) => {
    const { client, start, settled } = await setUp(t);
    const spec = { holderIdentity: 'fixed', leaseDurationSeconds: 3_600, renewTime: '2030-01-01T00:00:00.000000Z' };
    const metadata = { namespace: 'default', name: 'lab' };
    await client.create(leaseType, { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', metadata, spec });
    await client.create(widgetType, aWidget('one', { parts: ['a'] }));
    const election = (identity: string) => ({
      leaderElection: { ...metadata, identity, leaseMs: 3_600_000, renewDeadlineMs: 40_000, retryMs: 50 },
    });
    await start({}, election('another'));
    await calm();
    t.equal((await client.get(widgetType, { namespace: 'default', name: 'one' }))?.['status'], undefined);
    await start({}, election('fixed'));
    await settled('one', 'Standing');
  },
);

t.test('what happened to an object is told as an event, once with a count', async (t) => {
  const { client, shop, start, settled } = await setUp(t);
  let left = 3;
  shop.before = () => {
    if (left-- > 0) throw new Error('broken');
  };
  await start();
  await client.create(widgetType, aWidget('one', { parts: ['a'] }));
  await settled('one', 'Standing');
  const events = { group: '', version: 'v1', resource: 'events', kind: 'Event', namespaced: true };
  const of = async (reason: string) => {
    const list = await client.list(events, { namespace: 'default', fieldSelector: 'involvedObject.name=one' });
    return list.items.filter((event) => event['reason'] === reason);
  };
  const [failed] = await eventually(async () => {
    const found = await of('ApplyFailed');
    return found[0]?.['count'] === 3 ? found : undefined;
  }, 'the count');
  t.match(failed, { type: 'Warning', source: { component: 'widget.host' } });
  await eventually(async () => (await of('Applied')).length === 1, 'the good news');
});
