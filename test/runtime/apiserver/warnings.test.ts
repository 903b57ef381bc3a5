import t from 'tap';
import { aWebsite, websiteDefinition, websiteVersion } from '#test/builders/website-definition.ts';
import { startLabServer } from '#test/lab/api-server.ts';
import { eventually } from '#test/lab/widgets.ts';

// What a server has to say beside its answer.

const lab = await startLabServer();
t.teardown(() => lab.stop());

const definitions = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions';
const sites = '/apis/wcp.example/v1/namespaces/default/websites';
const maps = '/api/v1/namespaces/default/configmaps';
const merge = { 'content-type': 'application/merge-patch+json' };
await lab.request('POST', definitions, { body: websiteDefinition() });
await eventually(async () => (await lab.request('GET', sites)).status === 200, 'Websites to be served');

t.test('unknown and duplicate fields are refused, told or dropped, as the request says', async (t) => {
  const body =
    '{"apiVersion":"wcp.example/v1","kind":"Website","metadata":{"name":"strict"},"spec":{"host":"a","host":"b","foo":1}}';
  const strict = await lab.request('POST', `${sites}?fieldValidation=Strict`, { body });
  t.match(strict, {
    status: 400,
    body: { message: /strict decoding error: unknown field "spec.foo", duplicate field "spec.host"$/ },
  });
  const warned = await lab.request('POST', `${sites}?dryRun=All`, { body });
  t.equal(warned.status, 201);
  t.match(warned.headers['warning'], /299 - "unknown field \\"spec.foo\\"", 299 - "duplicate field \\"spec.host\\""/);
  t.notOk('foo' in warned.body.spec);
  t.equal(
    (await lab.request('POST', `${sites}?dryRun=All&fieldValidation=Ignore`, { body })).headers['warning'],
    undefined,
  );
});

t.test('unknown fields of what is patched come in the order of their names', async (t) => {
  await lab.request('POST', maps, { body: { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'unordered' } } });
  const body = { b: 1, metadata: { x: 1 }, a: 1 };
  for (const type of ['strategic-merge-patch+json', 'merge-patch+json']) {
    const headers = { 'content-type': `application/${type}` };
    const { headers: told } = await lab.request('PATCH', `${maps}/unordered`, { body, headers });
    t.match(told['warning'], /"a\\"".*"b\\"".*"metadata.x\\""/u, type);
  }
});

t.test('what a definition says to no effect is told when it is written', async (t) => {
  const { spec, ...definition } = websiteDefinition([
    websiteVersion({ spec: { odd: { type: 'string', format: 'odd' } } }),
  ]);
  const body = {
    ...definition,
    metadata: { name: 'websites.odd.example' },
    spec: { ...(spec as object), group: 'odd.example' },
  };
  const words = '299 - "unrecognized format \\"odd\\""';
  t.match(await lab.request('POST', `${definitions}?dryRun=All`, { body }), {
    status: 201,
    headers: { warning: words },
  });
  const url = `${definitions}/websites.wcp.example`;
  const odd = { type: 'string', format: 'odd' };
  const patch = [
    { op: 'add', path: '/spec/versions/0/schema/openAPIV3Schema/properties/spec/properties/odd', value: odd },
  ];
  const headers = { 'content-type': 'application/json-patch+json' };
  t.match(await lab.request('PATCH', `${url}?dryRun=All`, { body: patch, headers }), {
    status: 200,
    headers: { warning: words },
  });
});

t.test('a finalizer without a domain is told of when it is new', async (t) => {
  const path = `${sites}/warned`;
  await lab.request('POST', sites, { body: aWebsite('warned') });
  const answers = [];
  for (const finalizers of [['b', 'a.b', 'x.io/c'], ['b', 'a.b', 'x.io/c'], ['b', 'd'], []])
    answers.push(await lab.request('PATCH', path, { body: { metadata: { finalizers } }, headers: merge }));
  t.same(
    answers.map(({ headers: { warning = '' } }) => String(warning).match(/(?<=finalizers: ..)[a-z.]+/gu) ?? []),
    [['a.b', 'b'], [], ['d'], []],
  );
});

t.test('owners are named once each, and who names one twice is told', async (t) => {
  const owner = { apiVersion: 'v1', kind: 'ConfigMap', name: 'x', uid: 'u' };
  const twice = { ownerReferences: [owner, owner] };
  const body = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'owned', ...twice } };
  const dry = `${maps}?dryRun=All`;
  const made = await lab.request('POST', dry, { body });
  t.same(made.body.metadata.ownerReferences, [owner]);
  t.match(made.headers, { warning: /duplicate entries; .* observed: u"/ });
  const blocking = { ...owner, blockOwnerDeletion: true };
  const differing = { ...body, metadata: { ...body.metadata, ownerReferences: [owner, blocking] } };
  const kept = await lab.request('POST', dry, { body: differing });
  t.same(kept.body.metadata.ownerReferences, [owner, blocking], 'but for those that differ');
  t.notOk(kept.headers.warning);
  await lab.request('POST', maps, { body: { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'owned' } } });
  const patched = await lab.request('PATCH', `${maps}/owned?dryRun=All`, { body: { metadata: twice }, headers: merge });
  t.match(patched.headers, { warning: /duplicate entries after mutating admission happens; / });
});

t.test('owners cost what they are many, not what they are many times themselves', async (t) => {
  const ownerReferences = Array.from({ length: 20_000 }, (_, i) => ({
    apiVersion: 'x/v1',
    kind: 'X',
    name: 'a',
    uid: `u${i}`,
  }));
  const body = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'many', ownerReferences } };
  const made = await lab.request('POST', `${maps}?dryRun=All`, { body });
  t.equal(made.body.metadata.ownerReferences.length, ownerReferences.length);
});

t.test('an answer tells of a hundred faults, however many there are and however long', async (t) => {
  const many = Array.from({ length: 100_000 }, (_, i) => `!${i}`);
  const longOne = [`!${'x'.repeat(1_000_000)}`];
  const cases = [
    { metadata: { finalizers: many }, count: 100, end: /, and more faults\]$/u },
    {
      metadata: { labels: Object.fromEntries(many.map((key) => [key, '%'])) },
      count: 100,
      end: /, and more faults\]$/u,
    },
    { metadata: { finalizers: longOne }, count: 3, end: /"!xxx.*….*xxx": name part must/u },
  ];
  for (const { metadata, count, end } of cases) {
    const body = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'faulty', ...metadata } };
    const { status, text, body: told } = await lab.request('POST', maps, { body });
    t.equal(status, 422);
    t.ok(text.length < 100_000, `${text.length} characters`);
    t.equal(told.details.causes.length, count);
    t.match(told.message, end);
  }
  const finalizers = many.map((text) => text.replace('!', 'a'));
  const body = { ...aWebsite('many'), metadata: { name: 'many', finalizers } };
  const warned = await lab.request('POST', `${sites}?dryRun=All`, { body });
  t.equal(warned.status, 201);
  t.ok(String(warned.headers['warning']).length < 8_192, 'warnings fit into a header');
});
