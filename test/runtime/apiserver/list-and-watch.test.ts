import { gunzipSync } from 'node:zlib';
import { once } from 'node:events';
import { request as httpsRequest } from 'node:https';
import { connect } from 'node:http2';
import { Writable } from 'node:stream';
import { mock } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import t from 'tap';
import { builtinResources } from '#runtime/apiserver/builtin/index.ts';
import type { RawResponse } from '#runtime/apiserver/http/exchange.ts';
import { createWatchHub } from '#runtime/apiserver/watch/hub.ts';
import { streamEvents } from '#runtime/apiserver/watch/stream.ts';
import { required } from '#runtime/base/errors.ts';
import { openMemoryStore } from '#runtime/storage/memory/memory-store.ts';
import { startWatchCache } from '#runtime/storage/watch-cache/watch-cache.ts';
import { silentLogger } from '#runtime/telemetry/logger.ts';
import { aWebsite, websiteDefinition, websiteVersion } from '#test/builders/website-definition.ts';
import { startLabServer } from '#test/lab/api-server.ts';
import type { LabAnswer } from '#test/lab/lab-api.ts';
import { eventually } from '#test/lab/widgets.ts';
import { patienceMs } from '#test/lab/patience.ts';

const store = openMemoryStore();
// What the store forgot before the server began is history that its cache does not have.
await store.commit({
  if: [],
  put: [
    {
      key: '/registry/core/configmaps/old/x',
      value: Buffer.from('{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"x","namespace":"old"}}'),
    },
  ],
});
for (let count = 0; count < 5; count += 1)
  await store.commit({ if: [], put: [{ key: '/elsewhere', value: Buffer.from(String(count)) }] });
await store.compact(await store.currentRevision());
const lab = await startLabServer({ store });
t.teardown(async () => {
  await lab.stop();
  await store.close();
});

const definitions = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions';
const sites = '/apis/wcp.example/v1/namespaces/default/websites';
const maps = '/api/v1/namespaces/default/configmaps';
const merge = { 'content-type': 'application/merge-patch+json' };

async function established(name: string): Promise<void> {
  for (let attempt = 0; attempt < 200; attempt += 1) {
    const conditions: { type: string; status: string }[] =
      (await lab.request('GET', `${definitions}/${name}`)).body?.status?.conditions ?? [];
    if (conditions.some(({ type, status }) => type === 'Established' && status === 'True')) return;
    await delay(10);
  }
  throw new Error(`${name} was not established`);
}

const make = (path: string, body: unknown): Promise<LabAnswer> => lab.request('POST', path, { body });
const names = (answer: LabAnswer): string[] =>
  answer.body.items.map((item: { metadata: { name: string } }) => item.metadata.name);
const seen = (events: readonly { type: string; object: { metadata: { name: string } } }[]): string[] =>
  events.map(({ type, object }) => `${type} ${object.metadata.name}`);

await make(definitions, websiteDefinition());
await established('websites.wcp.example');

t.test('pages of a list come from one revision, whatever is written between them', async (t) => {
  await make('/api/v1/namespaces', { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'paged' } });
  const path = '/apis/wcp.example/v1/namespaces/paged/websites';
  for (let index = 0; index < 25; index += 1) await make(path, aWebsite(`p${String(index).padStart(2, '0')}`));
  const first = await lab.request('GET', `${path}?limit=10`);
  t.match(first.body.metadata, { continue: /./, remainingItemCount: 15 });
  await lab.request('DELETE', `${path}/p12`);
  await make(path, aWebsite('p10-new'));
  const second = await lab.request('GET', `${path}?limit=10&continue=${first.body.metadata.continue}`);
  const third = await lab.request('GET', `${path}?limit=10&continue=${second.body.metadata.continue}`);
  t.same(
    [...names(first), ...names(second), ...names(third)],
    Array.from({ length: 25 }, (_, index) => `p${String(index).padStart(2, '0')}`),
  );
  t.equal(third.body.metadata.resourceVersion, first.body.metadata.resourceVersion);
  t.equal(third.body.metadata.continue, '');
  const exact = await lab.request(
    'GET',
    `${path}?resourceVersionMatch=Exact&resourceVersion=${first.body.metadata.resourceVersion}`,
  );
  t.equal(names(exact).length, 25);
  t.ok(names(exact).includes('p12'));
  t.match(await lab.request('GET', `${path}?continue=nonsense`), {
    status: 400,
    body: { message: /^invalid continue token: continue key is not valid/ },
  });
});

t.test('a token whose history is gone is told with one that goes on', async (t) => {
  const path = '/apis/wcp.example/v1/namespaces/paged/websites';
  const { body } = await lab.request('GET', `${path}?limit=10`);
  const token = Buffer.from(
    JSON.stringify({ ...JSON.parse(Buffer.from(body.metadata.continue, 'base64url').toString()), rv: 7 }),
  ).toString('base64url');
  await store.compact(Number(body.metadata.resourceVersion));
  const expired = await lab.request('GET', `${path}?limit=10&continue=${token}`);
  t.match(expired, { status: 410, body: { reason: 'Expired', metadata: { continue: /./ } } });
  const rest = await lab.request('GET', `${path}?limit=100&continue=${expired.body.metadata.continue}`);
  t.equal(rest.status, 200);
  t.equal(rest.body.items.length, 15);
});

t.test('the query of a list is checked', async (t) => {
  const cases: readonly [string, number, RegExp][] = [
    ['resourceVersionMatch=Exact', 422, /resourceVersionMatch is forbidden unless resourceVersion is provided/],
    ['resourceVersionMatch=Exact&resourceVersion=0', 422, /forbidden for resourceVersion "0"/],
    ['resourceVersionMatch=Maybe&resourceVersion=1', 422, /Unsupported value: "Maybe"/],
    ['sendInitialEvents=true', 422, /sendInitialEvents is forbidden for list/],
    [
      'watch=true&sendInitialEvents=true',
      422,
      /sendInitialEvents requires setting resourceVersionMatch to NotOlderThan/,
    ],
    ['watch=true&resourceVersionMatch=NotOlderThan', 422, /forbidden for watch unless sendInitialEvents is provided/],
    ['resourceVersion=abc', 400, /Invalid value: "abc"/],
    ['labelSelector=a%20b', 400, /^unable to parse requirement: found 'b', expected: in, notin, =, ==, !=, gt, lt$/],
    ['labelSelector=a%20in%20(b', 400, /^unable to parse requirement: found '', expected: ',' or '\)'$/],
    ['labelSelector=a%3Eb', 400, /for 'Gt', 'Lt' operators, the value must be an integer$/],
    ['fieldSelector=metadata.name%3Da%3Db', 400, /^invalid field selector: unescaped character in value: 61$/],
    ['limit=x', 400, /^strconv.ParseInt: parsing "x": invalid syntax$/],
    ['fieldSelector=spec.nothing%3Dx', 400, /^field label not supported: spec.nothing$/],
  ];
  for (const [query, status, message] of cases) {
    t.match(await lab.request('GET', `${sites}?${query}`), { status, body: { message } }, query);
  }
  const offers = async (path: string): Promise<boolean> =>
    (await lab.request('GET', `${path}?fieldSelector=metadata.namespace%3Dx`)).status === 200;
  t.ok(await offers(maps), 'objects are selected by their namespace');
  t.ok(await offers('/apis/rbac.authorization.k8s.io/v1/clusterroles'), 'and so are those that can have none');
  for (const path of ['/api/v1/namespaces', '/apis/certificates.k8s.io/v1/certificatesigningrequests'])
    t.notOk(await offers(path), `but for kinds that say what they are selected by: ${path}`);
  const future = await lab.request('GET', `${sites}?resourceVersion=999999999`);
  t.match(future, {
    status: 504,
    headers: { 'retry-after': '1' },
    body: { reason: 'Timeout', details: { causes: [{ reason: 'ResourceVersionTooLarge' }] } },
  });
});

t.test('selectors select by labels, names and the fields that a definition offers', async (t) => {
  for (const [name, env] of [
    ['sel-a', 'prod'],
    ['sel-b', 'test'],
    ['sel-c', undefined],
  ] as const) {
    await make(
      sites,
      aWebsite(name, `${name}.host`, { labels: { sel: 'yes', ...(env === undefined ? {} : { env }) } }),
    );
  }
  const select = async (query: string): Promise<string[]> => names(await lab.request('GET', `${sites}?${query}`));
  const label = (text: string): string => `labelSelector=${encodeURIComponent(text)}`;
  t.same(await select(label('sel=yes,env=prod')), ['sel-a']);
  t.same(await select(label('sel=yes,env!=prod')), ['sel-b', 'sel-c']);
  t.same(await select(label('sel,env in (prod,test)')), ['sel-a', 'sel-b']);
  t.same(await select(label('sel,env notin (prod)')), ['sel-b', 'sel-c']);
  t.same(await select(label('sel,!env')), ['sel-c']);
  t.same(await select(`fieldSelector=${encodeURIComponent('spec.host=sel-b.host')}`), ['sel-b']);
  t.same(await select('fieldSelector=metadata.name%3Dsel-c'), ['sel-c']);
});

t.test('selectors answer the same by an index as without one', async (t) => {
  await Promise.all(
    Array.from({ length: 250 }, (_, index) =>
      make(maps, {
        apiVersion: 'v1',
        kind: 'ConfigMap',
        metadata: { name: `idx${index}`, labels: { idx: String(index % 5) } },
      }),
    ),
  );
  const found = await lab.request('GET', `${maps}?labelSelector=idx%3D3`);
  const all = names(await lab.request('GET', maps));
  t.same(
    names(found),
    all.filter((name) => /^idx\d+$/.test(name) && Number(name.slice(3)) % 5 === 3),
  );
  await make(maps, { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'late', labels: { idx: '3' } } });
  t.ok(names(await lab.request('GET', `${maps}?labelSelector=idx%3D3`)).includes('late'));
});

t.test('lists come as tables, as metadata, as YAML and compressed', async (t) => {
  const table = await lab.request('GET', sites, {
    headers: { accept: 'application/json;as=Table;v=v1;g=meta.k8s.io,application/json' },
  });
  t.match(table.body, {
    kind: 'Table',
    apiVersion: 'meta.k8s.io/v1',
    columnDefinitions: [{ name: 'Name', format: 'name' }, { name: 'Host' }],
  });
  t.match(table.body.rows[0], { cells: ['sel-a', 'sel-a.host'], object: { kind: 'PartialObjectMetadata' } });
  const partial = await lab.request('GET', sites, {
    headers: { accept: 'application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io' },
  });
  t.match(partial.body, {
    kind: 'PartialObjectMetadataList',
    items: [{ kind: 'PartialObjectMetadata', metadata: { name: 'sel-a' } }],
  });
  t.notOk('spec' in partial.body.items[0]);
  t.match(
    (await lab.request('GET', `${sites}/sel-a`, { headers: { accept: 'application/yaml' } })).text,
    /^apiVersion: wcp.example\/v1$/m,
  );
  t.equal((await lab.request('GET', sites, { headers: { accept: 'text/html' } })).status, 406);
  t.match((await lab.request('GET', `${sites}/sel-a?pretty=true`)).text, /^\{\n  "apiVersion"/);
  await make(maps, {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: 'large' },
    data: { text: 'x'.repeat(300_000) },
  });
  const packed = await new Promise<Buffer>((resolve, reject) => {
    const { hostname, port } = new URL(lab.url);
    const options = {
      hostname,
      port,
      path: maps,
      ca: lab.authority.ca,
      ...lab.admin,
      headers: { 'accept-encoding': 'gzip' },
    };
    httpsRequest(options, (response) => {
      t.equal(response.headers['content-encoding'], 'gzip');
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('end', () => resolve(Buffer.concat(chunks)));
    })
      .on('error', reject)
      .end();
  });
  t.same(JSON.parse(gunzipSync(packed).toString()), (await lab.request('GET', maps)).body);
});

t.test('a watch tells every change after its revision, in order', async (t) => {
  const { body } = await lab.request('GET', sites);
  const watch = await lab.watch(`${sites}?watch=true&resourceVersion=${body.metadata.resourceVersion}`);
  await make(sites, aWebsite('w1'));
  await lab.request('PATCH', `${sites}/w1`, { body: { spec: { host: 'z' } }, headers: merge });
  await lab.request('PATCH', `${sites}/w1`, { body: { spec: { host: 'z' } }, headers: merge });
  await lab.request('DELETE', `${sites}/w1`);
  await watch.until(3);
  t.same(seen(watch.events), ['ADDED w1', 'MODIFIED w1', 'DELETED w1']);
  const versions = watch.events.map(({ object }) => Number(object.metadata.resourceVersion));
  t.same(
    versions,
    versions.toSorted((a, b) => a - b),
  );
  t.equal(new Set(versions).size, 3);
  const late = await lab.watch(`${sites}?watch=true&resourceVersion=${versions[0]}`);
  await late.until(2);
  t.same(late.events, watch.events.slice(1), 'who comes back later is told the same');
  watch.close();
  late.close();
});

t.test('a watch without a revision begins with what is there', async (t) => {
  for (const query of ['resourceVersion=0', '']) {
    const watch = await lab.watch(`${sites}?watch=true&fieldSelector=metadata.name%3Dsel-a&${query}`);
    await watch.until(1);
    t.same(seen(watch.events), ['ADDED sel-a']);
    watch.close();
  }
});

t.test('initial events end with a bookmark that says so', async (t) => {
  const watch = await lab.watch(
    `${sites}?watch=true&allowWatchBookmarks=true&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&labelSelector=sel`,
  );
  await watch.until(4);
  t.same(seen(watch.events.slice(0, 3)), ['ADDED sel-a', 'ADDED sel-b', 'ADDED sel-c']);
  t.match(watch.events[3], {
    type: 'BOOKMARK',
    object: {
      kind: 'Website',
      apiVersion: 'wcp.example/v1',
      metadata: { annotations: { 'k8s.io/initial-events-end': 'true' }, resourceVersion: /^\d+$/ },
    },
  });
  await make(sites, aWebsite('after-start', 'h', { labels: { sel: 'x' } }));
  await watch.until(5);
  t.same(seen(watch.events.slice(4)), ['ADDED after-start']);
  watch.close();
});

t.test('an object that leaves a selection is deleted for its watcher, one that enters is added', async (t) => {
  const watch = await lab.watch(`${sites}?watch=true&labelSelector=stage%3Dlive&resourceVersion=0`);
  await make(sites, aWebsite('stage', 'h', { labels: { stage: 'draft' } }));
  const live = await lab.request('PATCH', `${sites}/stage`, {
    body: { metadata: { labels: { stage: 'live' } } },
    headers: merge,
  });
  const draft = await lab.request('PATCH', `${sites}/stage`, {
    body: { metadata: { labels: { stage: 'draft' } } },
    headers: merge,
  });
  await lab.request('DELETE', `${sites}/stage`);
  await make(sites, aWebsite('stage2', 'h', { labels: { stage: 'live' } }));
  await watch.until(3);
  t.same(seen(watch.events), ['ADDED stage', 'DELETED stage', 'ADDED stage2']);
  t.same(watch.events[0].object, live.body);
  t.equal(watch.events[1].object.metadata.resourceVersion, draft.body.metadata.resourceVersion);
  t.equal(watch.events[1].object.metadata.labels.stage, 'live', 'what it was when it still belonged');
  watch.close();
});

t.test('a revision that is too old is an ERROR event inside the stream', async (t) => {
  const watch = await lab.watch(`${maps}?watch=true&resourceVersion=1`);
  t.equal(watch.status, 200);
  await watch.ended;
  t.match(watch.events, [{ type: 'ERROR', object: { kind: 'Status', code: 410, reason: 'Expired' } }]);
});

t.test('a watch ends in time, with a bookmark shortly before', async (t) => {
  const watch = await lab.watch(
    `${sites}?watch=true&resourceVersion=0&timeoutSeconds=1&fieldSelector=metadata.name%3Dnone`,
  );
  const start = performance.now();
  await watch.ended;
  t.ok(performance.now() - start < patienceMs);
  t.same(watch.events, []);
});

t.test('tables are watched with their columns told once', async (t) => {
  const headers = { accept: 'application/json;as=Table;v=v1;g=meta.k8s.io' };
  const watch = await lab.watch(`${sites}?watch=true&fieldSelector=metadata.name%3Dsel-a&resourceVersion=0`, {
    headers,
  });
  await watch.until(1);
  await lab.request('PATCH', `${sites}/sel-a`, { body: { spec: { host: 'again' } }, headers: merge });
  await watch.until(2);
  t.match(watch.events[0].object, { kind: 'Table', columnDefinitions: [{ name: 'Name' }, { name: 'Host' }] });
  t.match(watch.events[1].object, { kind: 'Table', rows: [{ cells: ['sel-a', 'again'] }] });
  t.notOk(watch.events[1].object.columnDefinitions);
  watch.close();
});

t.test('three hundred watchers each see every one of fifty events', async (t) => {
  const start = (await lab.request('GET', maps)).body.metadata.resourceVersion;
  const watches = await Promise.all(
    Array.from({ length: 300 }, (_, index) =>
      lab.watch(`${maps}?watch=true&resourceVersion=${index % 2 === 0 ? start : ''}&labelSelector=fan`),
    ),
  );
  for (let index = 0; index < 50; index += 1)
    await make(maps, {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: `fan${index}`, labels: { fan: 'out' } },
    });
  await Promise.all(watches.map((watch) => watch.until(50)));
  const wanted = Array.from({ length: 50 }, (_, index) => `ADDED fan${index}`);
  t.ok(watches.every((watch) => JSON.stringify(seen(watch.events)) === JSON.stringify(wanted)));
  for (const watch of watches) watch.close();
});

t.test('one HTTP/2 connection carries lists, writes and watches', async (t) => {
  const session = connect(lab.url, { ca: lab.authority.ca, ...lab.admin });
  const watch = session.request({ ':path': `${maps}?watch=true&labelSelector=h2` });
  watch.setEncoding('utf8');
  let text = '';
  watch.on('data', (chunk: string) => (text += chunk));
  await new Promise((resolve) => watch.on('response', resolve));
  const body = JSON.stringify({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'h2', labels: { h2: 'yes' } } });
  const post = session.request({ ':method': 'POST', ':path': maps, 'content-type': 'application/json' });
  post.end(body);
  const status = await new Promise((resolve) => post.on('response', (headers) => resolve(headers[':status'])));
  t.equal(status, 201);
  for (let attempt = 0; attempt < 100 && !text.includes('\n'); attempt += 1) await delay(10);
  t.match(JSON.parse(text), { type: 'ADDED', object: { metadata: { name: 'h2' } } });
  session.destroy();
});

t.test(
  'a watcher that does not read is ended when too much waits for it, and only what it may see waits',
  async (t) => {
    const big = (name: string, size: number, namespace = 'unread'): Promise<LabAnswer> =>
      lab.request('PUT', `/api/v1/namespaces/${namespace}/configmaps/${name}`, {
        body: { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name }, data: { text: 'x'.repeat(size) } },
      });
    for (const name of ['unread', 'beside']) {
      await make('/api/v1/namespaces', { apiVersion: 'v1', kind: 'Namespace', metadata: { name } });
      await make(`/api/v1/namespaces/${name}/configmaps`, {
        apiVersion: 'v1',
        kind: 'ConfigMap',
        metadata: { name: 'a' },
      });
    }
    for (const name of ['b', 'c'])
      await make('/api/v1/namespaces/unread/configmaps', { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name } });
    for (const name of ['a', 'b', 'c']) await big(name, 70_000);
    const session = connect(lab.url, { ca: lab.authority.ca, ...lab.admin, settings: { initialWindowSize: 0 } });
    t.teardown(() => session.destroy());
    session.on('error', () => undefined);
    const watch = session.request({ ':path': '/api/v1/namespaces/unread/configmaps?watch=1&timeoutSeconds=3600' });
    let closed = false;
    watch.on('close', () => (closed = true)).on('error', () => undefined);
    await once(watch, 'response');
    for (let count = 0; count < 40; count += 1) await big('a', 900_000 + count, 'beside');
    t.equal(closed, false, 'what others are told costs it nothing');
    for (let count = 0; count < 5; count += 1) await big('a', 900_000 + count);
    t.equal(closed, false, 'nor does a little more than it reads');
    for (let count = 0; count < 30; count += 1) await big('a', 800_000 + count);
    await eventually(() => Promise.resolve(closed), 'the watch to be ended');
  },
);

t.test('a watcher that takes nothing of its initial state for a minute is ended', async (t) => {
  const cache = startWatchCache({ store });
  await cache.ready;
  const ending = new AbortController();
  const hub = createWatchHub(cache, ending.signal);
  t.teardown(async () => {
    ending.abort();
    await cache.close();
  });
  const resource = required(
    builtinResources().find(({ info }) => info.collection === 'core/configmaps'),
    'ConfigMaps',
  );
  const initial = (function* () {
    for (;;) yield Buffer.alloc(70_000);
  })();
  const silent = new Writable({ write: () => undefined });
  mock.timers.enable({ apis: ['setTimeout'] });
  t.teardown(() => mock.timers.reset());
  const streaming = streamEvents(
    { hub, log: silentLogger, signal: ending.signal },
    {
      resource,
      after: cache.revision,
      initial,
      selects: () => true,
      rendering: undefined,
      bookmark: undefined,
      announceStart: true,
      timeoutMs: 3_600_000,
      isCurrent: () => true,
    },
    silent as unknown as RawResponse,
  );
  mock.timers.tick(59_999);
  t.equal(silent.destroyed, false);
  mock.timers.tick(1);
  t.equal(silent.destroyed, true);
  await streaming;
});

t.test('a changed schema counts at once, for objects that were there before too', async (t) => {
  const path = '/apis/wcp.example/v1/namespaces/default/gadgets';
  const define = (spec: Readonly<Record<string, unknown>>): Record<string, unknown> => {
    const definition = websiteDefinition([websiteVersion({ spec })]) as {
      metadata: Record<string, unknown>;
      spec: Record<string, unknown>;
    };
    definition.metadata = { name: 'gadgets.wcp.example' };
    definition.spec['names'] = { plural: 'gadgets', kind: 'Gadget' };
    return definition as Record<string, unknown>;
  };
  await make(definitions, define({ old: { type: 'string' } }));
  await established('gadgets.wcp.example');
  await make(path, {
    apiVersion: 'wcp.example/v1',
    kind: 'Gadget',
    metadata: { name: 'g' },
    spec: { host: 'h', old: 'x' },
  });
  const watch = await lab.watch(`${path}?watch=true&resourceVersion=0`);
  const changed = await lab.request('PATCH', `${definitions}/gadgets.wcp.example`, {
    body: { spec: define({ colour: { type: 'string', default: 'red' } })['spec'] },
    headers: merge,
  });
  t.equal(changed.status, 200, changed.text);
  await watch.ended;
  t.same(seen(watch.events), ['ADDED g'], 'an open watch ends, so that its client comes back to the new schema');
  const shown = { host: 'h', replicas: 1, colour: 'red' };
  t.same((await lab.request('GET', `${path}/g`)).body.spec, shown);
  t.same((await lab.request('GET', path)).body.items[0].spec, shown);
  const bad = await lab.request('PATCH', `${path}/g`, { body: { spec: { replicas: 99 } }, headers: merge });
  t.equal(bad.status, 422);
});

t.test('every served version reads every object; an unserved one is not found', async (t) => {
  const versions = [websiteVersion({ name: 'v1' }), websiteVersion({ name: 'v1alpha1', storage: false })];
  t.equal(
    (
      await lab.request('PATCH', `${definitions}/websites.wcp.example`, {
        body: { spec: { versions } },
        headers: merge,
      })
    ).status,
    200,
  );
  const alpha = '/apis/wcp.example/v1alpha1/namespaces/default/websites';
  const made = await make(alpha, { ...aWebsite('both'), apiVersion: 'wcp.example/v1alpha1' });
  t.equal(made.body.apiVersion, 'wcp.example/v1alpha1');
  const read = await lab.request('GET', `${sites}/both`);
  t.match(read.body, {
    apiVersion: 'wcp.example/v1',
    metadata: { uid: made.body.metadata.uid, resourceVersion: made.body.metadata.resourceVersion },
  });
  t.equal((await lab.request('GET', alpha)).body.items.at(0).apiVersion, 'wcp.example/v1alpha1');
  const unserved = [versions[0], websiteVersion({ name: 'v1alpha1', storage: false, served: false })];
  await lab.request('PATCH', `${definitions}/websites.wcp.example`, {
    body: { spec: { versions: unserved } },
    headers: merge,
  });
  t.equal((await lab.request('GET', alpha)).status, 404);
});

t.test('a second definition with the same names is not served', async (t) => {
  const rival = websiteDefinition() as { metadata: Record<string, unknown>; spec: Record<string, unknown> };
  rival.metadata = { name: 'sites.wcp.example' };
  rival.spec['names'] = { plural: 'sites', singular: 'site', kind: 'Website' };
  await make(definitions, rival);
  let conditions: { type: string }[] = [];
  for (let attempt = 0; attempt < 100 && conditions.length === 0; attempt += 1) {
    await delay(10);
    conditions = (await lab.request('GET', `${definitions}/sites.wcp.example`)).body.status.conditions;
  }
  t.match(
    conditions.find(({ type }) => type === 'NamesAccepted'),
    { status: 'False', reason: 'KindConflict', message: '"Website" is already in use' },
  );
  t.equal((await lab.request('GET', '/apis/wcp.example/v1/namespaces/default/sites')).status, 404);
});

t.test('a definition takes its objects with it', async (t) => {
  await lab.request('DELETE', `${definitions}/gadgets.wcp.example`);
  for (
    let attempt = 0;
    attempt < 300 && (await lab.request('GET', `${definitions}/gadgets.wcp.example`)).status !== 404;
    attempt += 1
  )
    await delay(10);
  t.equal((await lab.request('GET', `${definitions}/gadgets.wcp.example`)).status, 404);
  t.equal((await store.range('/registry/wcp.example/gadgets/')).entries.length, 0);
  t.equal((await lab.request('GET', '/apis/wcp.example/v1/namespaces/default/gadgets')).status, 404);
});

t.test('a server that stops ends its watches in order', async (t) => {
  const other = await startLabServer();
  const watch = await other.watch(`${maps}?watch=true&resourceVersion=0`);
  const start = performance.now();
  await other.server.close();
  await watch.ended;
  // What has not ended after ten seconds is cut off.
  t.ok(performance.now() - start < 9_000);
  await other.stop();
});
