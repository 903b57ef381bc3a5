import { once } from 'node:events';
import { connect } from 'node:http2';
import { PassThrough } from 'node:stream';
import { mock } from 'node:test';
import { setImmediate as immediate, setTimeout as delay } from 'node:timers/promises';
import t from 'tap';
import type { Exchange, RawRequest } from '#runtime/apiserver/http/exchange.ts';
import { readBody } from '#runtime/apiserver/http/read-body.ts';
import { attributesOf } from '#runtime/apiserver/http/request-attributes.ts';
import { send } from '#runtime/apiserver/http/send.ts';
import { aWebsite, websiteDefinition, websiteVersion } from '#test/builders/website-definition.ts';
import { startLabServer } from '#test/lab/api-server.ts';
import type { LabAnswer } from '#test/lab/lab-api.ts';
import { probedConnections } from '#test/lab/probed-connections.ts';
import { eventually } from '#test/lab/widgets.ts';

const lab = await startLabServer();
t.teardown(() => lab.stop());

const definitions = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions';
const sites = '/apis/wcp.example/v1/namespaces/default/websites';
const maps = '/api/v1/namespaces/default/configmaps';
const merge = { 'content-type': 'application/merge-patch+json' };
const applyType = { 'content-type': 'application/apply-patch+yaml' };

async function established(name: string): Promise<void> {
  for (let attempt = 0; attempt < 200; attempt += 1) {
    const { body } = await lab.request('GET', `${definitions}/${name}`);
    const conditions: { type: string; status: string }[] = body?.status?.conditions ?? [];
    if (conditions.some(({ type, status }) => type === 'Established' && status === 'True')) return;
    await delay(10);
  }
  throw new Error(`${name} was not established`);
}

async function make(path: string, body: unknown): Promise<LabAnswer> {
  const answer = await lab.request('POST', path, { body });
  if (answer.status !== 201) throw new Error(answer.text);
  return answer;
}

await make(definitions, websiteDefinition());
await established('websites.wcp.example');

t.test('method and URL say what a request wants', (t) => {
  const cases = [
    ['GET', '/api/v1/namespaces/a/secrets', 'list', '', 'secrets', 'a', '', ''],
    ['GET', '/api/v1/namespaces/a/secrets?watch=1', 'watch', '', 'secrets', 'a', '', ''],
    ['GET', '/api/v1/namespaces/a/secrets?watch=false', 'list', '', 'secrets', 'a', '', ''],
    ['HEAD', '/api/v1/namespaces/a/secrets/s', 'get', '', 'secrets', 'a', 's', ''],
    ['DELETE', '/apis/g.io/v1/things', 'deletecollection', 'g.io', 'things', '', '', ''],
    ['GET', '/api/v1/namespaces/a', 'get', '', 'namespaces', 'a', 'a', ''],
    ['PUT', '/api/v1/namespaces/a/finalize', 'update', '', 'namespaces', 'a', 'a', 'finalize'],
    ['PATCH', '/apis/g.io/v1/namespaces/a/things/t/status', 'patch', 'g.io', 'things', 'a', 't', 'status'],
    [
      'GET',
      '/apis/g.io/v1/namespaces/a/things?fieldSelector=metadata.name%3Dx',
      'list',
      'g.io',
      'things',
      'a',
      'x',
      '',
    ],
    ['GET', '/apis/g.io/v1/things?fieldSelector=a%3Db%5C%2Cmetadata.name%3Dx', 'list', 'g.io', 'things', '', '', ''],
  ] as const;
  for (const [method, url, verb, group, resource, namespace, name, subresource] of cases) {
    t.match(
      attributesOf(method, url),
      { resourceRequest: true, verb, group, resource, namespace, name, subresource },
      `${method} ${url}`,
    );
  }
  t.match(attributesOf('GET', '/apis/g.io/v1'), { resourceRequest: false, verb: 'get', path: '/apis/g.io/v1' });
  t.end();
});

t.test('a path that could be read in two ways is refused', async (t) => {
  for (const path of [
    '/api//v1',
    '/api/v1/%2e%2e/x',
    '/api/v1/namespaces/a%2fb',
    '/api/v1/./pods',
    '/api/v1/a%00b',
    '/a;b',
    '/%zz',
  ]) {
    const { status, body } = await lab.request('GET', path);
    t.equal(status, 400, path);
    t.equal(body?.kind, 'Status', path);
  }
});

t.test('what is not served is 404 without a Status, a verb that a kind lacks 405', async (t) => {
  t.match(await lab.request('GET', '/apis/nobody.example/v1/things'), { status: 404, text: '404 page not found\n' });
  t.match(await lab.request('GET', '/apis/wcp.example/v2/websites'), { status: 404 });
  t.match(await lab.request('GET', '/nowhere'), { status: 404 });
  t.match(await lab.request('GET', `${sites}/x/nothing`), { status: 404, body: { reason: 'NotFound' } });
  t.match(await lab.request('PATCH', sites, { body: {}, headers: merge }), { status: 405 });
});

t.test('a created object has its system fields, its defaults and its owner of fields', async (t) => {
  const sent = { ...aWebsite('created'), status: { replicas: 7 } };
  const { status, body, headers } = await lab.request('POST', `${sites}?fieldManager=me`, { body: sent });
  t.equal(status, 201);
  t.match(body.metadata, {
    name: 'created',
    namespace: 'default',
    generation: 1,
    uid: /^[0-9a-f-]{36}$/,
    creationTimestamp: /Z$/,
  });
  t.match(body.metadata.managedFields, [{ manager: 'me', operation: 'Update', apiVersion: 'wcp.example/v1' }]);
  t.equal(body.spec.replicas, 1);
  t.notOk('status' in body, 'status is not written through the main resource');
  t.ok(headers['audit-id']);
  t.same((await lab.request('GET', `${sites}/created`)).body, body, 'a read sees the very same');
  t.match(await lab.request('POST', sites, { body: sent }), {
    status: 409,
    body: { reason: 'AlreadyExists', message: 'websites.wcp.example "created" already exists' },
  });
});

t.test('bodies that do not fit the URL are refused in the words of Kubernetes', async (t) => {
  const refused = async (body: unknown, message: RegExp, status = 400): Promise<void> => {
    const answer = await lab.request('POST', sites, { body });
    t.equal(answer.status, status, String(message));
    t.match(answer.body.message, message);
  };
  await refused(
    { ...aWebsite('x'), apiVersion: 'wcp.example/v2' },
    /^the API version in the data \(wcp.example\/v2\) does not match the expected API version/,
  );
  await refused(
    { ...aWebsite('x'), kind: 'Other' },
    /^Other\.wcp\.example "x" is invalid: kind: .*must be Website$/,
    422,
  );
  await refused(
    aWebsite('x', 'h', { namespace: 'other' }),
    /^the namespace of the provided object does not match the namespace sent on the request$/,
  );
  await refused(
    aWebsite('x', 'h', { resourceVersion: '5' }),
    /^resourceVersion should not be set on objects to be created$/,
  );
  await refused({ ...aWebsite(''), metadata: {} }, /name or generateName is required/, 422);
  await refused(
    aWebsite('UPPER'),
    /^Website.wcp.example "UPPER" is invalid: metadata.name: Invalid value: "UPPER": a lowercase RFC 1123 subdomain/,
    422,
  );
  await refused(aWebsite('x', 'h', { labels: { 'a b': 'c' } }), /metadata.labels: Invalid value: "a b"/, 422);
  await refused(aWebsite('x', 'h', { labels: { a: 1 } }), /cannot be handled as a Website/);
  await refused('{"apiVersion":', /couldn't get version\/kind; json parse error/);
  t.match(await lab.request('POST', sites, { body: 'x', headers: { 'content-type': 'text/html' } }), {
    status: 415,
    body: { reason: 'UnsupportedMediaType' },
  });
  t.match(await lab.request('POST', sites, { body: 'x'.repeat(3_200_000) }), {
    status: 413,
    body: { reason: 'RequestEntityTooLarge' },
  });
});

t.test('a dry run stores nothing and has no resourceVersion of its own', async (t) => {
  const dry = await lab.request('POST', `${sites}?dryRun=All`, { body: aWebsite('dry') });
  t.equal(dry.status, 201);
  t.ok(dry.body.metadata.uid);
  t.notOk('resourceVersion' in dry.body.metadata);
  t.equal((await lab.request('GET', `${sites}/dry`)).status, 404);
  const { body } = await make(sites, aWebsite('dry'));
  const patched = await lab.request('PATCH', `${sites}/dry?dryRun=All`, {
    body: { spec: { host: 'z' } },
    headers: merge,
  });
  t.match(patched.body, {
    spec: { host: 'z' },
    metadata: { resourceVersion: body.metadata.resourceVersion, generation: 2 },
  });
  t.same((await lab.request('GET', `${sites}/dry`)).body, body);
  t.equal((await lab.request('DELETE', `${sites}/dry?dryRun=All`)).status, 200);
  t.equal((await lab.request('GET', `${sites}/dry`)).status, 200);
});

t.test('generateName finds free names', async (t) => {
  const body = { ...aWebsite(''), metadata: { generateName: 'gen-' } };
  const made = await Promise.all(Array.from({ length: 20 }, () => lab.request('POST', sites, { body })));
  t.equal(new Set(made.map((answer) => answer.body.metadata.name)).size, 20);
  t.match(made[0]?.body.metadata.name, /^gen-[bcdfghjklmnpqrstvwxz2-9]{5}$/);
});

t.test('updates count generations, keep status apart and leave equal objects alone', async (t) => {
  const { body } = await make(sites, aWebsite('updated'));
  const path = `${sites}/updated`;
  const { resourceVersion: _dropped, ...withoutVersion } = body.metadata;
  t.match(await lab.request('PUT', path, { body: { ...body, metadata: withoutVersion } }), {
    status: 422,
    body: { message: /metadata.resourceVersion: Invalid value: .*must be specified for an update/ },
  });
  t.equal(
    (await lab.request('PUT', path, { body })).body.metadata.resourceVersion,
    body.metadata.resourceVersion,
    'nothing changed, nothing written',
  );
  const changed = await lab.request('PUT', path, { body: { ...body, spec: { host: 'new' }, status: { replicas: 3 } } });
  t.match(changed.body, { spec: { host: 'new', replicas: 1 }, metadata: { generation: 2 } });
  t.notOk('status' in changed.body);
  t.match(await lab.request('PUT', path, { body: { ...body, spec: { host: 'late' } } }), {
    status: 409,
    body: {
      reason: 'Conflict',
      message: /the object has been modified; please apply your changes to the latest version and try again$/,
    },
  });
  const status = await lab.request('PATCH', `${path}/status`, {
    body: { status: { replicas: 3 }, spec: { host: 'no' } },
    headers: merge,
  });
  t.match(status.body, { spec: { host: 'new' }, status: { replicas: 3 }, metadata: { generation: 2 } });
  t.match(status.body.metadata.managedFields.at(-1), { subresource: 'status' });
  const other = { ...status.body, metadata: { ...status.body.metadata, uid: '00000000-0000-0000-0000-000000000000' } };
  t.match(await lab.request('PUT', path, { body: other }), { status: 409, body: { message: /UID in precondition/ } });
  t.match(await lab.request('PUT', `${sites}/absent`, { body: aWebsite('absent', 'h', { resourceVersion: '1' }) }), {
    status: 404,
  });
});

t.test('patches of each kind change what they name; a resourceVersion in one is a lock', async (t) => {
  const { body } = await make(maps, {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: 'patched' },
    data: { a: '1', b: '2' },
  });
  const path = `${maps}/patched`;
  const patch = (type: string, value: unknown): Promise<LabAnswer> =>
    lab.request('PATCH', path, { body: value, headers: { 'content-type': type } });
  t.same((await patch('application/merge-patch+json', { data: { a: null, c: '3' } })).body.data, { b: '2', c: '3' });
  t.same((await patch('application/strategic-merge-patch+json', { data: { d: '4' } })).body.data, {
    b: '2',
    c: '3',
    d: '4',
  });
  t.same((await patch('application/json-patch+json', [{ op: 'remove', path: '/data/b' }])).body.data, {
    c: '3',
    d: '4',
  });
  t.match(await patch('application/json-patch+json', [{ op: 'test', path: '/data/c', value: 'no' }]), { status: 422 });
  t.match(
    await patch('application/merge-patch+json', { metadata: { resourceVersion: body.metadata.resourceVersion } }),
    { status: 409 },
  );
  t.match(await patch('text/plain', {}), { status: 415 });
  const onSite = await lab.request('PATCH', `${sites}/created`, {
    body: {},
    headers: { 'content-type': 'application/strategic-merge-patch+json' },
  });
  t.match(onSite, {
    status: 415,
    body: {
      message:
        /accepted media types include: application\/json-patch\+json, application\/merge-patch\+json, application\/apply-patch\+yaml$/,
    },
  });
});

t.test('server-side apply creates, merges, tells conflicts and writes nothing twice', async (t) => {
  const path = `${sites}/applied`;
  const apply = (manager: string, spec: unknown, query = ''): Promise<LabAnswer> =>
    lab.request('PATCH', `${path}?fieldManager=${manager}${query}`, {
      body: { apiVersion: 'wcp.example/v1', kind: 'Website', metadata: { name: 'applied' }, spec },
      headers: applyType,
    });
  const created = await apply('one', { host: 'a' });
  t.match(created, { status: 201, body: { spec: { host: 'a', replicas: 1 }, metadata: { generation: 1 } } });
  const again = await apply('one', { host: 'a' });
  t.match(again, { status: 200, body: { metadata: { resourceVersion: created.body.metadata.resourceVersion } } });
  const conflict = await apply('two', { host: 'b' });
  t.match(conflict, {
    status: 409,
    body: {
      message: /^Apply failed with 1 conflict: conflict with "one"/,
      details: { causes: [{ reason: 'FieldManagerConflict', field: '.spec.host' }] },
    },
  });
  t.match(await apply('two', { host: 'b' }, '&force=true'), {
    status: 200,
    body: { spec: { host: 'b' }, metadata: { generation: 2 } },
  });
  t.match(await lab.request('PATCH', path, { body: {}, headers: applyType }), {
    status: 422,
    body: { message: /fieldManager: Required value/ },
  });
  t.match(await apply('one', { nonsense: 1 }), {
    status: 500,
    body: { message: /\.spec\.nonsense: field not declared in schema/ },
  });
  const yaml = 'apiVersion: wcp.example/v1\nkind: Website\nmetadata: {name: from-yaml}\nspec:\n  host: yes.example\n';
  t.match(await lab.request('PATCH', `${sites}/from-yaml?fieldManager=y`, { body: yaml, headers: applyType }), {
    status: 201,
    body: { spec: { host: 'yes.example' } },
  });
});

t.test('numbers beyond what JavaScript holds survive writes', async (t) => {
  const preserved = { 'x-kubernetes-preserve-unknown-fields': true, type: 'object' };
  const definition = websiteDefinition([websiteVersion({ spec: { free: preserved } })]) as {
    metadata: { name: string };
    spec: { names: Record<string, unknown> };
  };
  definition.metadata.name = 'numbers.wcp.example';
  definition.spec.names = { plural: 'numbers', kind: 'Number' };
  await make(definitions, definition);
  await established('numbers.wcp.example');
  const path = '/apis/wcp.example/v1/namespaces/default/numbers';
  await make(
    path,
    '{"apiVersion":"wcp.example/v1","kind":"Number","metadata":{"name":"n"},"spec":{"host":"h","free":{"big":9007199254740993,"float":1.0}}}',
  );
  await lab.request('PATCH', `${path}/n`, { body: { spec: { host: 'i' } }, headers: merge });
  const { text } = await lab.request('GET', `${path}/n`);
  t.match(text, /"big":9007199254740993,"float":1\.0/);
});

t.test('finalizers hold a deleted object until the last is gone', async (t) => {
  await make(sites, aWebsite('held', 'h', { finalizers: ['wcp.example/a'] }));
  const path = `${sites}/held`;
  const marked = await lab.request('DELETE', path);
  t.match(marked, {
    status: 200,
    body: { kind: 'Website', metadata: { deletionGracePeriodSeconds: 0, generation: 2, deletionTimestamp: /Z$/ } },
  });
  t.same((await lab.request('DELETE', path)).body.metadata.resourceVersion, marked.body.metadata.resourceVersion);
  const added = await lab.request('PATCH', path, {
    body: { metadata: { finalizers: ['wcp.example/a', 'wcp.example/b'] } },
    headers: merge,
  });
  t.match(added, {
    status: 422,
    body: {
      message:
        /no new finalizers can be added if the object is being deleted, found new finalizers \[\]string\{"wcp.example\/b"\}/,
    },
  });
  t.equal((await lab.request('PATCH', path, { body: { metadata: { finalizers: null } }, headers: merge })).status, 200);
  t.equal((await lab.request('GET', path)).status, 404);
});

t.test('a deletion answers with a Status and obeys its preconditions', async (t) => {
  const { body } = await make(sites, aWebsite('gone'));
  const path = `${sites}/gone`;
  t.match(await lab.request('DELETE', path, { body: { preconditions: { uid: 'other' } } }), { status: 409 });
  t.match(await lab.request('DELETE', path, { body: { propagationPolicy: 'Never' } }), { status: 422 });
  const answer = await lab.request('DELETE', path, { body: { preconditions: { uid: body.metadata.uid } } });
  t.match(answer, {
    status: 200,
    body: {
      kind: 'Status',
      status: 'Success',
      details: { name: 'gone', group: 'wcp.example', kind: 'websites', uid: body.metadata.uid },
    },
  });
  t.match(await lab.request('DELETE', path), {
    status: 404,
    body: { message: 'websites.wcp.example "gone" not found' },
  });
});

t.test('deletecollection takes what is selected', async (t) => {
  for (const name of ['dc1', 'dc2', 'dc3'])
    await make(sites, aWebsite(name, 'h', { labels: { dc: name === 'dc3' ? 'no' : 'yes' } }));
  const answer = await lab.request('DELETE', `${sites}?labelSelector=dc%3Dyes`);
  t.match(answer.body, { kind: 'WebsiteList', items: { length: 2 } });
  const left = await lab.request('GET', `${sites}?labelSelector=dc`);
  t.same(
    left.body.items.map((item: { metadata: { name: string } }) => item.metadata.name),
    ['dc3'],
  );
});

t.test('fifty writers of one object lose no update', async (t) => {
  await make(maps, { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'counter' } });
  const path = `${maps}/counter`;
  const patches = Array.from({ length: 50 }, (_, index) =>
    lab.request('PATCH', path, { body: { data: { [`k${index}`]: 'x' } }, headers: merge }),
  );
  t.ok((await Promise.all(patches)).every(({ status }) => status === 200));
  t.equal(Object.keys((await lab.request('GET', path)).body.data).length, 50);
  const increment = async (): Promise<void> => {
    for (;;) {
      const { body } = await lab.request('GET', path);
      const next = { ...body, data: { count: String(Number(body.data.count ?? 0) + 1) } };
      if ((await lab.request('PUT', path, { body: next })).status === 200) return;
    }
  };
  await lab.request('PATCH', path, { body: { data: null }, headers: merge });
  await lab.request('PATCH', path, { body: { data: { count: '0' } }, headers: merge });
  await Promise.all(Array.from({ length: 10 }, increment));
  t.equal((await lab.request('GET', path)).body.data.count, '10');
});

t.test('the scale of an object is a part of it', async (t) => {
  await make(sites, aWebsite('scaled'));
  const path = `${sites}/scaled/scale`;
  const scale = await lab.request('GET', path);
  t.match(scale.body, { kind: 'Scale', apiVersion: 'autoscaling/v1', spec: { replicas: 1 }, status: { replicas: 0 } });
  const put = await lab.request('PUT', path, {
    body: { ...scale.body, spec: { replicas: 4 } },
    headers: { 'content-type': '' },
  });
  t.match(put, { status: 200, body: { spec: { replicas: 4 } } });
  const { body: scaled } = await lab.request('GET', `${sites}/scaled`);
  const managers: readonly { subresource?: string; time?: string }[] = scaled.metadata.managedFields;
  const [manager, ...others] = managers.filter(({ subresource }) => subresource === 'scale');
  t.same([manager?.time, others], [undefined, []], 'and has one manager, of no time');
  t.match(await lab.request('PUT', path, { body: { ...scale.body, spec: { replicas: 5 } } }), { status: 409 });
  t.match(await lab.request('PATCH', path, { body: { spec: { replicas: -1 } }, headers: merge }), { status: 422 });
  t.equal((await lab.request('GET', `${sites}/scaled`)).body.spec.replicas, 4);
  t.match(await lab.request('PATCH', path, { body: 'null', headers: merge }), { status: 400 }, 'no patch of a map');
  const nought = await lab.request('PATCH', path, { body: { spec: { replicas: null } }, headers: merge });
  t.same(nought.body.spec, {}, 'nought is not written');
  t.match(await lab.request('PUT', `${sites}/nobody/scale`, { body: scale.body }), { status: 400 }, 'of another one');
  t.match(await lab.request('PATCH', path, { body: { spec: { replicas: 2 ** 31 } }, headers: merge }), {
    status: 422,
    body: { details: { causes: [{ field: 'patch' }] } },
  });
});

t.test('no managers is a wish to kinds that Go has a type for, and nothing to others', async (t) => {
  const forgotten = { metadata: { managedFields: [] } };
  const managersOf = async (path: string): Promise<unknown> =>
    (await lab.request('PATCH', path, { body: forgotten, headers: merge })).body.metadata.managedFields;
  await make(maps, { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'forgotten' }, data: { a: 'b' } });
  await make(sites, aWebsite('remembered'));
  t.equal(await managersOf(`${maps}/forgotten`), undefined);
  t.ok(await managersOf(`${sites}/remembered`));
});

t.test('rules are checked of an object of another kind, and of one that is complete', async (t) => {
  const rule = { rule: 'self.size > 1', message: 'too small', fieldPath: '.size' };
  const box = { type: 'object', properties: { size: { type: 'integer' } }, 'x-kubernetes-validations': [rule] };
  const { spec, ...definition } = websiteDefinition([websiteVersion({ spec: { box } })]);
  const metadata = { name: 'websites.ruled.example' };
  await make(definitions, { ...definition, metadata, spec: { ...(spec as object), group: 'ruled.example' } });
  await established('websites.ruled.example');
  const faultsOf = async (kind: string, name: string, box: unknown): Promise<readonly string[]> => {
    const body = { apiVersion: 'ruled.example/v1', kind, metadata: { name }, spec: { host: 'a', box } };
    const { body: status } = await lab.request('POST', '/apis/ruled.example/v1/namespaces/default/websites', { body });
    const causes: readonly { field: string; message: string }[] = status.details.causes;
    return causes.map(({ field, message }) => `${field}: ${message}`);
  };
  const kind = 'kind: Invalid value: "Other": must be Website';
  t.same(await faultsOf('Other', '', { size: 1 }), [kind, 'spec.box.size: Invalid value: too small']);
  const unevaluated = 'spec.box: Invalid value: "object": no such key: size evaluating rule: too small';
  t.same(await faultsOf('Other', 'a', {}), [kind, unevaluated]);
  const [nameless, unchecked = ''] = await faultsOf('Website', '', { size: 1 });
  t.equal(nameless, 'metadata.name: Required value: name or generateName is required');
  t.match(unchecked, /^<nil>: .*rules were not checked/u, 'a missing name leaves rules unchecked');
});

t.test('of another kind or version is told when there is such an object, and of a status never', async (t) => {
  const body = { ...aWebsite('typed'), kind: 'Other', metadata: { name: 'typed', resourceVersion: '1' } };
  t.match(await lab.request('PUT', `${sites}/typed`, { body }), { status: 404 });
  const made = await make(sites, aWebsite('typed'));
  const other = { ...made.body, kind: 'Other' };
  const stale = { ...other, metadata: { ...other.metadata, resourceVersion: '1' } };
  t.match(await lab.request('PUT', `${sites}/typed`, { body: stale }), { status: 409 });
  t.match(await lab.request('PUT', `${sites}/typed`, { body: other }), { status: 422 });
  t.match(await lab.request('PUT', `${sites}/typed/status`, { body: other }), { status: 200 });
  const version = { body: { apiVersion: 'v9' }, headers: merge };
  t.match(await lab.request('PATCH', `${sites}/typed`, version), { status: 422 });
  t.match(await lab.request('PATCH', `${sites}/typed/status`, version), { status: 200 });
  const nameless = { body: { ...version.body, metadata: null }, headers: merge };
  t.match(await lab.request('PATCH', `${sites}/typed`, nameless), { status: 400 }, 'after what object it is');
  const unseen = { body: { metadata: { resourceVersion: '' } }, headers: merge };
  t.match(await lab.request('PATCH', `${sites}/typed`, unseen), { status: 422 }, 'the version is not to be left out');
});

t.test('Secrets, ConfigMaps and Events keep the rules of their kinds', async (t) => {
  const secrets = '/api/v1/namespaces/default/secrets';
  const secret = (name: string, more: unknown): unknown => ({
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name },
    ...(more as object),
  });
  const made = await make(secrets, secret('s', { stringData: { a: 'b' } }));
  t.match(made.body, { type: 'Opaque', data: { a: 'Yg==' } });
  t.notOk('stringData' in made.body);
  await make(secrets, secret('other', { type: 'other' }));
  for (const [name, type] of Object.entries({ s: 'other', other: null }))
    t.match(await lab.request('PATCH', `${secrets}/${name}`, { body: { type }, headers: merge }), {
      status: 422,
      body: { message: /type: Invalid value: .*field is immutable/ },
    });
  t.match(await lab.request('POST', secrets, { body: secret('tls', { type: 'kubernetes.io/tls' }) }), {
    status: 422,
    body: { message: /data\[tls.crt\]: Required value/ },
  });
  t.match(await lab.request('POST', secrets, { body: secret('bad', { data: { a: 1 } }) }), {
    status: 400,
    body: { message: /cannot be handled as a Secret/ },
  });
  await lab.request('PATCH', `${secrets}/s`, { body: { immutable: true }, headers: merge });
  t.match(await lab.request('PATCH', `${secrets}/s`, { body: { data: { x: 'eA==' } }, headers: merge }), {
    status: 422,
    body: { message: /field is immutable when `immutable` is set/ },
  });
  t.equal((await lab.request('GET', `${secrets}?fieldSelector=type%3DOpaque`)).body.items.length, 1);

  const event = {
    apiVersion: 'v1',
    kind: 'Event',
    metadata: { name: 'e' },
    involvedObject: { kind: 'Website', name: 'w', namespace: 'default' },
    reason: 'Made',
    message: 'made it',
    type: 'Normal',
  };
  await make('/api/v1/namespaces/default/events', event);
  const fresh = await lab.request('GET', '/apis/events.k8s.io/v1/namespaces/default/events/e');
  t.match(fresh.body, { apiVersion: 'events.k8s.io/v1', regarding: { name: 'w' }, note: 'made it' });
  const found = await lab.request(
    'GET',
    '/api/v1/namespaces/default/events?fieldSelector=involvedObject.name%3Dw%2CinvolvedObject.kind%3DWebsite',
  );
  t.equal(found.body.items.length, 1);
  const fresher = { body: { kind: 'Event', metadata: { labels: { a: 'b' } } }, headers: merge };
  const changed = await lab.request('PATCH', '/apis/events.k8s.io/v1/namespaces/default/events/e', fresher);
  const managers: readonly { readonly apiVersion: string }[] = changed.body.metadata.managedFields;
  t.same([...new Set(managers.map(({ apiVersion }) => apiVersion))], ['events.k8s.io/v1'], 'one group at a time');
  const refused = await lab.request('POST', '/api/v1/namespaces/default/events', {
    body: { ...event, metadata: { name: 'f', labels: { a: 'bad value!' } }, involvedObject: { namespace: 'other' } },
  });
  t.same(
    refused.body.details.causes.map(({ field }: { field: string }) => field),
    ['involvedObject.namespace'],
  );
});

t.test('health, version, metrics and discovery answer', async (t) => {
  t.match(await lab.request('GET', '/livez'), { status: 200, text: 'ok' });
  t.match(
    (await lab.request('GET', '/readyz?verbose&exclude=etcd')).text,
    /\[\+\]etcd excluded: ok\n[^]*readyz check passed/,
  );
  t.match(await lab.request('GET', '/readyz/etcd'), { status: 200 });
  t.match((await lab.request('GET', '/version')).body.gitVersion, /^v\d+\.\d+\.\d+/);
  t.match(
    (await lab.request('GET', '/metrics')).text,
    /apiserver_request_total\{verb="CREATE",group="wcp.example",version="v1",resource="websites"/,
  );
  const accept = 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json';
  const apis = await lab.request('GET', '/apis', { headers: { accept } });
  t.equal(apis.headers['content-type'], 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList');
  t.ok(apis.body.items.some((item: { metadata: { name: string } }) => item.metadata.name === 'wcp.example'));
  t.equal(
    (await lab.request('GET', '/apis', { headers: { accept, 'if-none-match': String(apis.headers['etag']) } })).status,
    304,
  );
  t.match((await lab.request('GET', '/apis/wcp.example/v1')).body.resources, [{ name: 'numbers' }]);
  const index = await lab.request('GET', '/openapi/v3');
  const url: string = index.body.paths['apis/wcp.example/v1'].serverRelativeURL;
  t.match(await lab.request('GET', url), { status: 200, headers: { 'cache-control': 'public, immutable' } });
  t.match(await lab.request('GET', url.replace(/hash=.*/, 'hash=0')), { status: 301, headers: { location: url } });
});

t.test('a client whose machine is gone without a word is noticed, also when it asked for nothing', async (t) => {
  const session = connect(lab.url, { ca: lab.authority.ca });
  t.teardown(() => session.destroy());
  await once(session, 'connect');
  const port = session.socket.localPort;
  await eventually(async () => (await probedConnections(15)).some(({ remote }) => remote === port), 'it to be probed');
  t.pass();
});

t.test('a body that has not come within a minute is given up, however it drips', async (t) => {
  mock.timers.enable({ apis: ['setTimeout'] });
  t.teardown(() => mock.timers.reset());
  const request = Object.assign(new PassThrough(), { headers: {} });
  const read = readBody(request as unknown as RawRequest);
  for (let second = 0; second < 60; second += 1) {
    request.write(' ');
    mock.timers.tick(1_000);
  }
  const given = await Promise.race([read, immediate('still awaited')]).catch((err: unknown) => err);
  t.match(given, { status: 504, reason: 'Timeout' });
});

t.test(
  'an answer of which its client takes nothing for a minute is given up, one that is taken slowly is not',
  async (t) => {
    mock.timers.enable({ apis: ['setTimeout'] });
    t.teardown(() => mock.timers.reset());
    const asked = (highWaterMark: number): { exchange: Exchange; response: PassThrough } => {
      const response = Object.assign(new PassThrough({ highWaterMark }), { writeHead: () => undefined });
      return { exchange: { method: 'GET', headers: {}, response } as unknown as Exchange, response };
    };
    const options = { auditId: 'a', warnings: [] };
    for (const size of [1_000, 3_000_000]) {
      const answer = { status: 200, contentType: 'text/plain', body: Buffer.alloc(size) };
      const unread = asked(1);
      const slow = asked(1);
      const sent = Promise.all([send(unread.exchange, answer, options), send(slow.exchange, answer, options)]);
      let taken = 0;
      for (let minute = 0; minute < 20; minute += 1) {
        mock.timers.tick(59_000);
        taken += (slow.response.read() as Buffer | null)?.length ?? 0;
        await immediate();
        if (minute === 0) t.notOk(unread.response.destroyed);
      }
      await sent;
      t.ok(unread.response.destroyed);
      t.equal(taken, size, 'every byte, a piece in a minute');
    }
  },
);
