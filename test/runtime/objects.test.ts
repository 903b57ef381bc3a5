import t, { type Test } from 'tap';
import { systemClock } from '#runtime/base/clock.ts';
import type { Client } from '#runtime/client/client.ts';
import type { Cache } from '#runtime/manager/cache.ts';
import { defineController } from '#runtime/manager/controller.ts';
import { createEventRecorder } from '#runtime/manager/event-recorder.ts';
import { startManager, type Manager } from '#runtime/manager/manager.ts';
import { childrenOf } from '#runtime/manager/objects/children.ts';
import { createOverlay } from '#runtime/manager/objects/overlay.ts';
import { createObjectsDriver, type ObjectsDriver, type ObjectsWorld } from '#runtime/manager/objects/objects-driver.ts';
import { silentLogger } from '#runtime/telemetry/logger.ts';
import { createMetrics } from '#runtime/telemetry/metrics.ts';
import { planRequestKind } from '#schemas/v1alpha1/plan-request.ts';
import { resourceTypeOf } from '#runtime/client/resource-type.ts';
import { roleKind, secretKind } from '#schemas/meta/builtin.ts';
import { LENGTHS } from '#schemas/meta/fragments.ts';
import { ANNOTATIONS } from '#schemas/meta/names.ts';
import type { KubeObject } from '#schemas/meta/object.ts';
import { startLabServer } from '#test/lab/api-server.ts';
import {
  aWidget,
  conditionOf,
  configMapKind,
  configMapType,
  eventually,
  installKind,
  labClient,
  widgetKind,
  widgetType,
  type Widget,
} from '#test/lab/widgets.ts';

type Objects = ObjectsDriver<'objects', ObjectsWorld>;

interface Lab {
  readonly client: Client;
  readonly writes: string[];
  start(planRequests?: boolean): Promise<Manager>;
  child(name: string): Promise<KubeObject | undefined>;
  settled(name: string, reason: string): Promise<KubeObject>;
}

const fieldManager = 'wcp360-widget-objects';

function manifestOf(widget: Widget, part: string): KubeObject {
  const [name = '', value = ''] = part.split('=');
  return {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name, namespace: widget.metadata.namespace ?? '', labels: { 'hosting.wcp360.io/tenant': 'acme' } },
    data: { value },
  };
}

/** A widget whose parts are ConfigMaps: `name=value`. */
function objectsController() {
  const objects: Objects = createObjectsDriver({ name: 'objects', fieldManager, kinds: [configMapKind, roleKind] });
  return defineController<typeof widgetKind, ObjectsWorld, { readonly objects: Objects }, Widget>({
    name: 'widget.cluster',
    kind: widgetKind,
    finalizer: 'test.wcp360.io/cluster',
    drivers: { objects },
    watches: [
      {
        kind: configMapKind,
        keysOf: (changed) => {
          const owner = changed.metadata.annotations?.[ANNOTATIONS.owner]?.split('/');
          return owner?.[0] === 'Widget' ? [{ namespace: owner[1], name: owner[2] ?? '' }] : [];
        },
      },
    ],
    gather: (widget) => widget,
    desired: (widget) => ({ objects: childrenOf(widget.spec.parts.map((part) => manifestOf(widget, part))) }),
    status: (_widget, { outcome }) => ({
      fields: {},
      conditions: [
        outcome.phase === 'synced'
          ? { type: 'Ready', status: 'True', reason: 'Made', message: 'All is there.' }
          : {
              type: 'Ready',
              status: 'False',
              reason: 'reason' in outcome ? outcome.reason : 'Drifted',
              message: 'Not yet.',
            },
      ],
    }),
  });
}

async function setUp(t: Test): Promise<Lab> {
  const lab = await startLabServer();
  t.teardown(() => lab.stop());
  const { client } = await labClient(lab);
  const own = await labClient(lab);
  t.teardown(() => client.close());
  t.teardown(() => own.client.close());
  await installKind(client, widgetKind);
  await installKind(client, planRequestKind);
  return {
    client,
    writes: own.writes,
    start: async (planRequests = false) => {
      const manager = startManager<ObjectsWorld>({
        client: own.client,
        controllers: [objectsController()],
        world: (cache: Cache) => ({ client: own.client, cache }),
        log: silentLogger,
        metrics: createMetrics(),
        signal: new AbortController().signal,
        identity: 'cluster',
        ...(planRequests
          ? { planRequests: { kind: planRequestKind, leads: true, systemNamespace: 'wcp360-system' } }
          : {}),
      });
      t.teardown(() => manager.close());
      await manager.synced;
      return manager;
    },
    child: async (name) => await client.get(configMapType, { namespace: 'default', name }),
    settled: async (name, reason) =>
      await eventually(async () => {
        const found = await client.get(widgetType, { namespace: 'default', name });
        const ready = conditionOf(found, 'Ready');
        return ready?.['reason'] === reason && ready['observedGeneration'] === found?.metadata.generation
          ? found
          : undefined;
      }, `${name} to be ${reason}`),
  };
}

const calm = async (): Promise<void> => await new Promise((resolve) => setTimeout(resolve, 400));
const json = (value: unknown) => ({ type: 'merge' as const, body: value });
const inDefault = (name: string) => ({ namespace: 'default', name });

t.test(
  'children are made, marked, changed and taken away with what wants them, and otherwise left alone',
  async (t) => {
    const { client, start, child, settled, writes } = await setUp(t);
    const manager = await start();
    await client.create(widgetType, aWidget('one', { parts: ['a=1', 'b=2'] }));
    await settled('one', 'Made');
    t.match(await child('a'), {
      data: { value: '1' },
      metadata: { annotations: { [ANNOTATIONS.owner]: 'Widget/default/one' } },
    });
    await client.patch(widgetType, inDefault('one'), json({ spec: { parts: ['a=3'] } }));
    await settled('one', 'Made');
    t.match(await child('a'), { data: { value: '3' } });
    t.equal(await child('b'), undefined);
    await calm();
    const wrote = writes.length;
    manager.resync();
    await calm();
    t.equal(writes.length, wrote, 'a full pass writes nothing');
  },
);

t.test(
  'what others set on a child stays theirs, what they change of ours is put back, and a child that was deleted is made again',
  async (t) => {
    const { client, start, child, settled } = await setUp(t);
    await start();
    await client.create(widgetType, aWidget('one', { parts: ['a=1'] }));
    await settled('one', 'Made');
    await client.patch(configMapType, inDefault('a'), json({ data: { value: 'x', theirs: 'y' } }));
    await eventually(
      async () => ((await child('a'))?.['data'] as { value: string } | undefined)?.value === '1',
      'the repair',
    );
    t.match(await child('a'), { data: { value: '1', theirs: 'y' } });
    await client.delete(configMapType, inDefault('a'));
    await eventually(async () => (await child('a')) !== undefined, 'the child to come back');
  },
);

t.test(
  "somebody else's object in the place of a child is neither changed nor deleted; one of the same tenant is taken over",
  async (t) => {
    const { client, start, child, settled } = await setUp(t);
    const foreign = (name: string, labels: Record<string, string>) => ({
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name, namespace: 'default', labels },
      data: { value: 'old' },
    });
    await client.create(configMapType, foreign('theirs', {}));
    await client.create(configMapType, foreign('ours', { 'hosting.wcp360.io/tenant': 'acme' }));
    await start();
    await client.create(widgetType, aWidget('bad', { parts: ['theirs=1'] }));
    await client.create(widgetType, aWidget('good', { parts: ['ours=1'] }));
    t.match(conditionOf(await settled('bad', 'ObjectExists'), 'Stalled'), { status: 'True' });
    await settled('good', 'Made');
    t.match(await child('theirs'), { data: { value: 'old' } });
    t.match(await child('ours'), { data: { value: '1' } });
    await client.delete(widgetType, inDefault('bad'));
    await eventually(async () => (await client.get(widgetType, inDefault('bad'))) === undefined, 'it to go');
    t.ok(await child('theirs'));
  },
);

t.test('of two owners that want the same name one has it', async (t) => {
  const { client, start, settled, child } = await setUp(t);
  await start();
  await Promise.all(['x', 'y'].map((name) => client.create(widgetType, aWidget(name, { parts: [`same=${name}`] }))));
  const made = await Promise.any(['x', 'y'].map(async (name) => (await settled(name, 'Made')).metadata.name));
  await settled(made === 'x' ? 'y' : 'x', 'ObjectExists');
  t.match(await child('same'), { data: { value: made } });
});

t.test('an owner goes when its last child has gone, and not before', async (t) => {
  const { client, start, settled, child } = await setUp(t);
  await start();
  await client.create(widgetType, aWidget('one', { parts: ['a=1'] }));
  await settled('one', 'Made');
  await client.patch(configMapType, inDefault('a'), json({ metadata: { finalizers: ['test.wcp360.io/held'] } }));
  await client.delete(widgetType, inDefault('one'));
  await settled('one', 'WaitingForDeletion');
  t.ok((await child('a'))?.metadata.deletionTimestamp);
  await client.patch(configMapType, inDefault('a'), json({ metadata: { finalizers: null } }));
  await eventually(async () => (await client.get(widgetType, inDefault('one'))) === undefined, 'it to go');
});

t.test('an owner that was made anew under its name finds the children of the former one', async (t) => {
  const { client, start, settled, child } = await setUp(t);
  const first = await start();
  await client.create(widgetType, aWidget('one', { parts: ['a=1', 'b=1'] }));
  await settled('one', 'Made');
  await first.close();
  await client.patch(widgetType, inDefault('one'), json({ metadata: { finalizers: null } }));
  await client.delete(widgetType, inDefault('one'));
  await client.create(widgetType, aWidget('one', { parts: ['a=2'] }));
  await start();
  await settled('one', 'Made');
  t.match(await child('a'), { data: { value: '2' } });
  t.equal(await child('b'), undefined);
});

t.test('Secrets can not be children', (t) => {
  t.throws(() => createObjectsDriver({ name: 'x', fieldManager, kinds: [secretKind] }));
  t.end();
});

t.test('a plan request is answered with what would be done, and nothing is done', async (t) => {
  const { client, start, child, settled } = await setUp(t);
  await start(true);
  await client.create(widgetType, aWidget('one', { parts: ['a=1'] }));
  await settled('one', 'Made');
  const type = resourceTypeOf(planRequestKind);
  const ask = async (object: KubeObject, timeToLive = '5m'): Promise<KubeObject> => {
    const body = {
      apiVersion: 'hosting.wcp360.io/v1alpha1',
      kind: 'PlanRequest',
      metadata: { name: '', generateName: 'diff-', namespace: 'default' },
    };
    const { name } = (await client.create(type, { ...body, spec: { timeToLive, object } })).metadata;
    return await eventually(async () => {
      const found = await client.get(type, inDefault(name));
      return conditionOf(found, 'Complete') === undefined ? undefined : found;
    }, 'the answer');
  };
  const answered = await ask(aWidget('one', { parts: ['b=2'] }));
  t.match(answered['status'], {
    plans: [
      {
        by: 'cluster',
        actions: [
          { op: 'apply-object', subject: 'ConfigMap/default/b', reason: 'missing' },
          { op: 'delete-object', subject: 'ConfigMap/default/a' },
        ],
      },
    ],
  });
  t.equal(await child('b'), undefined);
  const elsewhere = await ask(aWidget('one', {}, { namespace: 'kube-system' }));
  t.match(elsewhere['status'], { plans: [{ reason: 'Forbidden' }] });
  const endless = await ask(aWidget('one', { parts: ['b=2', 'x'.repeat(LENGTHS.message + 1)] }));
  const message = /ask with the result of a dry run\. spec\.parts\[1\]: Too long/u;
  t.match(endless['status'], { plans: [{ reason: 'Invalid', message, actions: [] }] }, 'no server would take it');
  const malformed = await ask(aWidget('one'), '2s');
  t.match(malformed['status'], { plans: [{ reason: 'Invalid' }] });
  const { name } = malformed.metadata;
  await eventually(async () => (await client.get(type, inDefault(name))) === undefined, 'it to expire');
});

void t.test('what the cache has shown and shows no longer is gone, whatever was written to it last', async (t) => {
  const child = (resourceVersion: string, changes: object = {}): KubeObject => ({
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: 'child', uid: 'u-1', resourceVersion, ...changes },
  });
  const key = 'child';
  const written = { object: child('5'), respelled: undefined };
  const leaving = child('6', { deletionTimestamp: '2026-01-01T00:00:00Z', finalizers: ['example/held'] });
  const overlay = createOverlay();

  overlay.applied('new', key, { ...written, isNew: true });
  t.same([...overlay.over('new', new Map()).keys()], [key], 'one that was just made is not missed before it is shown');
  overlay.deleted('new', key, { uid: 'u-1', object: leaving });
  t.same([...overlay.over('new', new Map()).keys()], [key], 'nor when it is deleted before it was shown');

  overlay.applied('respelled', key, { ...written, respelled: child('5'), isNew: true });
  t.equal(
    overlay.over('respelled', new Map([[key, child('5')]])).get(key),
    written.object,
    'its spelling is remembered',
  );
  t.same([...overlay.over('respelled', new Map()).keys()], [], 'and that it was shown: somebody deleted it');

  overlay.applied('changed', key, { ...written, isNew: false });
  t.equal(overlay.over('changed', new Map([[key, child('4')]])).get(key), written.object);
  t.same([...overlay.over('changed', new Map()).keys()], [], 'somebody deleted it');

  overlay.deleted('left', key, { uid: 'u-1', object: leaving });
  t.equal(overlay.over('left', new Map([[key, child('5')]])).get(key), leaving, 'on its way');
  t.same([...overlay.over('left', new Map()).keys()], [], 'gone before the answer to its deletion was read');
});

t.test('of much that goes well at once a part is told, and what goes wrong all the same', async (t) => {
  const lab = await startLabServer();
  t.teardown(() => lab.stop());
  const { client } = await labClient(lab);
  t.teardown(() => client.close());
  const over = new AbortController();
  t.teardown(() => over.abort());
  const recorder = createEventRecorder({
    ...{ client, component: 'widget.host', instance: 'host/web1' },
    ...{ clock: { ...systemClock, now: () => Date.parse('2026-01-01T00:00:00Z') }, log: silentLogger },
    signal: over.signal,
  });
  for (let n = 0; n < 200; n++)
    recorder.record(aWidget(`w${n}`, { parts: [] }), { type: 'Normal', reason: 'Applied', message: 'made' });
  recorder.record(aWidget('bad', { parts: [] }), { type: 'Warning', reason: 'ApplyFailed', message: 'broken' });
  await recorder.flush();
  const events = { group: '', version: 'v1', resource: 'events', kind: 'Event', namespaced: true };
  const { items } = await client.list(events, { namespace: 'default' });
  t.equal(items.filter(({ reason }) => reason === 'Applied').length, 25);
  t.equal(items.filter(({ reason }) => reason === 'ApplyFailed').length, 1);
});
