import t from 'tap';
import { startLabServer } from '#test/lab/api-server.ts';
import type { LabAnswer } from '#test/lab/lab-api.ts';
import { eventually } from '#test/lab/widgets.ts';

// What deletions do and answer, of objects and of namespaces.

const lab = await startLabServer();
t.teardown(() => lab.stop());

const maps = '/api/v1/namespaces/default/configmaps';
const merge = { 'content-type': 'application/merge-patch+json' };

async function make(path: string, body: unknown): Promise<LabAnswer> {
  const answer = await lab.request('POST', path, { body });
  if (answer.status !== 201) throw new Error(answer.text);
  return answer;
}

t.test('every deletion counts as a generation, and the last one says what becomes of dependents', async (t) => {
  const metadata = { name: 'counted', generation: 7, finalizers: ['wcp.example/a'] };
  await make(maps, { apiVersion: 'v1', kind: 'ConfigMap', metadata });
  const remove = async (body: unknown): Promise<unknown> => {
    const { generation, finalizers } = (await lab.request('DELETE', `${maps}/counted`, { body })).body.metadata;
    return { generation, finalizers };
  };
  t.same(await remove({}), { generation: 8, finalizers: ['wcp.example/a'] });
  t.same(await remove({ propagationPolicy: 'Foreground' }), {
    generation: 8,
    finalizers: ['wcp.example/a', 'foregroundDeletion'],
  });
});

t.test('kinds that others depend on answer a deletion with what was deleted', async (t) => {
  const bodies = {
    serviceaccounts: { kind: 'ServiceAccount' },
    resourcequotas: { kind: 'ResourceQuota', spec: { hard: { secrets: '9' } } },
    services: { kind: 'Service', spec: { ports: [{ port: 80 }] } },
  };
  for (const [resource, body] of Object.entries(bodies)) {
    const path = `/api/v1/namespaces/default/${resource}`;
    await make(path, { apiVersion: 'v1', metadata: { name: 'shown' }, ...body });
    t.match(await lab.request('DELETE', `${path}/shown`), { status: 200, body: { kind: body.kind } });
    t.equal((await lab.request('GET', `${path}/shown`)).status, 404);
  }
});

t.test('a namespace is deleted in its own words: first its content, then what it is held by itself', async (t) => {
  const path = '/api/v1/namespaces/emptied';
  const metadata = { name: 'emptied', finalizers: ['wcp.example/a'] };
  const { body } = await make('/api/v1/namespaces', { apiVersion: 'v1', kind: 'Namespace', metadata });
  await make(`${path}/configmaps`, { apiVersion: 'v1', kind: 'ConfigMap', metadata: { ...metadata, name: 'held' } });
  const remove = async (options?: unknown): Promise<LabAnswer> => await lab.request('DELETE', path, { body: options });
  t.match(await remove({ preconditions: { uid: 'x' } }), {
    status: 409,
    body: { message: `Precondition failed: UID in precondition: x, UID in object meta: ${body.metadata.uid}` },
  });
  const marked = await remove();
  t.match(marked, { status: 200, body: { kind: 'Namespace', status: { phase: 'Terminating' } } });
  t.notOk('deletionGracePeriodSeconds' in marked.body.metadata);
  t.match(await remove({ propagationPolicy: 'Orphan' }), {
    status: 200,
    body: { metadata: { finalizers: ['wcp.example/a'] } },
  });
  await lab.request('PATCH', `${path}/configmaps/held`, { body: { metadata: { finalizers: null } }, headers: merge });
  const isEmpty = async (): Promise<boolean> => (await lab.request('GET', path)).body.spec.finalizers === undefined;
  await eventually(isEmpty, 'the namespace to be empty');
  const { conditions } = (await lab.request('GET', path)).body.status;
  t.ok(
    conditions.every(({ status }: { status: string }) => status === 'False'),
    'and says that nothing is left',
  );
  const last = await remove({ propagationPolicy: 'Background' });
  t.match(last, { status: 200, body: { metadata: { deletionGracePeriodSeconds: 0, ...metadata } } });
  await lab.request('PATCH', path, { body: { metadata: { finalizers: null } }, headers: merge });
  t.equal((await lab.request('GET', path)).status, 404);
});

t.test('a namespace holds its objects: none without it, none while it goes', async (t) => {
  t.match(
    await lab.request('POST', '/api/v1/namespaces/nowhere/configmaps', {
      body: { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'x' } },
    }),
    { status: 404, body: { message: 'namespaces "nowhere" not found' } },
  );
  const { body } = await make('/api/v1/namespaces', {
    apiVersion: 'v1',
    kind: 'Namespace',
    metadata: { name: 'going' },
  });
  t.match(body, {
    spec: { finalizers: ['kubernetes'] },
    status: { phase: 'Active' },
    metadata: { labels: { 'kubernetes.io/metadata.name': 'going' } },
  });
  await make('/api/v1/namespaces/going/configmaps', {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: 'x', finalizers: ['a.example/b'] },
  });
  t.match(await lab.request('DELETE', '/api/v1/namespaces/going'), {
    status: 200,
    body: { kind: 'Namespace', status: { phase: 'Terminating' } },
  });
  const refused = await lab.request('POST', '/api/v1/namespaces/going/configmaps', {
    body: { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'y' } },
  });
  t.match(refused, { status: 403, body: { details: { causes: [{ reason: 'NamespaceTerminating' }] } } });
  await lab.request('PATCH', '/api/v1/namespaces/going/configmaps/x', {
    body: { metadata: { finalizers: null } },
    headers: merge,
  });
  const isGone = async (): Promise<boolean> => (await lab.request('GET', '/api/v1/namespaces/going')).status === 404;
  t.ok(await eventually(isGone, 'the namespace to go'));
});
