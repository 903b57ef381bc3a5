import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { connect } from 'node:http2';
import t from 'tap';
import { createFlowControl } from '#runtime/apiserver/http/flow-control.ts';
import { newKey } from '#runtime/pki/crypto-keys.ts';
import { requestFor } from '#runtime/pki/issue.ts';
import { startLabServer } from '#test/lab/api-server.ts';
import type { LabAnswer } from '#test/lab/lab-api.ts';
import { eventually } from '#test/lab/widgets.ts';

const lab = await startLabServer();
t.teardown(() => lab.stop());

const secrets = '/api/v1/namespaces/default/secrets';
const requests = '/apis/certificates.k8s.io/v1/certificatesigningrequests';

t.test('who shows nothing is anonymous, who shows something wrong is nobody', async (t) => {
  t.match(await lab.request('GET', '/readyz', { identity: null }), { status: 200 });
  t.match(await lab.request('GET', secrets, { identity: null }), {
    status: 403,
    body: {
      message:
        'secrets is forbidden: User "system:anonymous" cannot list resource "secrets" in API group "" in the namespace "default"',
    },
  });
  t.match(await lab.request('GET', secrets, { identity: null, headers: { authorization: 'Bearer nonsense' } }), {
    status: 401,
    body: { message: 'Unauthorized' },
  });
  const stranger = await (await import('#test/lab/pki.ts')).createLabAuthority('strangers');
  t.match(await lab.request('GET', secrets, { identity: await stranger.client('admin', ['system:masters']) }), {
    status: 403,
  });
});

t.test('rights hold from the moment they are written, and for the user that is asked to be', async (t) => {
  const jane = await lab.authority.client('jane', ['devs']);
  t.equal((await lab.request('GET', secrets, { identity: jane })).status, 403);
  const rbac = '/apis/rbac.authorization.k8s.io/v1/namespaces/default';
  const api = 'rbac.authorization.k8s.io/v1';
  await lab.request('POST', `${rbac}/roles`, {
    body: {
      apiVersion: api,
      kind: 'Role',
      metadata: { name: 'r' },
      rules: [{ verbs: ['get', 'list'], apiGroups: [''], resources: ['secrets'] }],
    },
  });
  await lab.request('POST', `${rbac}/rolebindings`, {
    body: {
      apiVersion: api,
      kind: 'RoleBinding',
      metadata: { name: 'b' },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: 'r' },
      subjects: [{ kind: 'Group', name: 'devs' }],
    },
  });
  t.equal((await lab.request('GET', secrets, { identity: jane })).status, 200);
  t.equal((await lab.request('DELETE', secrets, { identity: jane })).status, 403);
  t.equal((await lab.request('GET', secrets, { headers: { 'impersonate-user': 'eve' } })).status, 403);
  t.equal(
    (await lab.request('GET', secrets, { headers: { 'impersonate-user': 'eve', 'impersonate-group': ['x', 'devs'] } }))
      .status,
    200,
  );
  t.equal((await lab.request('GET', secrets, { identity: jane, headers: { 'impersonate-user': 'eve' } })).status, 403);
  t.match(
    await lab.request('PATCH', `${rbac}/rolebindings/b`, {
      body: { roleRef: { name: 'other' } },
      headers: { 'content-type': 'application/merge-patch+json' },
    }),
    { status: 422, body: { message: /cannot change roleRef/ } },
  );
});

t.test('an apply that creates needs the right to create', async (t) => {
  const rbac = '/apis/rbac.authorization.k8s.io/v1/namespaces/default';
  const api = 'rbac.authorization.k8s.io/v1';
  const patcher = await lab.authority.client('patcher');
  await lab.request('POST', `${rbac}/roles`, {
    body: {
      apiVersion: api,
      kind: 'Role',
      metadata: { name: 'p' },
      rules: [{ verbs: ['patch'], apiGroups: [''], resources: ['configmaps'] }],
    },
  });
  await lab.request('POST', `${rbac}/rolebindings`, {
    body: {
      apiVersion: api,
      kind: 'RoleBinding',
      metadata: { name: 'p' },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: 'p' },
      subjects: [{ kind: 'User', name: 'patcher' }],
    },
  });
  const answer = await lab.request('PATCH', '/api/v1/namespaces/default/configmaps/new?fieldManager=x', {
    identity: patcher,
    body: { apiVersion: 'v1', kind: 'ConfigMap' },
    headers: { 'content-type': 'application/apply-patch+yaml' },
  });
  t.match(answer, { status: 403, body: { message: /cannot create resource "configmaps"/ } });
});

t.test('a ServiceAccount works with the token that it is given', async (t) => {
  const accounts = '/api/v1/namespaces/default/serviceaccounts';
  await lab.request('POST', accounts, {
    body: { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'robot' } },
  });
  const token = await lab.request('POST', `${accounts}/robot/token`, {
    body: { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', spec: { expirationSeconds: 600 } },
  });
  t.equal(token.status, 201);
  const me = await lab.request('POST', '/apis/authentication.k8s.io/v1/selfsubjectreviews', {
    identity: null,
    headers: { authorization: `Bearer ${token.body.status.token}` },
    body: { apiVersion: 'authentication.k8s.io/v1', kind: 'SelfSubjectReview' },
  });
  t.match(me, { status: 201, body: { status: { userInfo: { username: 'system:serviceaccount:default:robot' } } } });
});

t.test('the audit log tells who did what and never a secret', async (t) => {
  const headers = { 'audit-id': 'my-id', 'impersonate-user': 'eve', 'impersonate-group': 'system:masters' };
  const body = { apiVersion: 'v1', kind: 'Secret', metadata: { name: 'canary' }, stringData: { a: 'canary-value-7' } };
  const answer = await lab.request('POST', secrets, { body, headers });
  t.equal(answer.status, 201);
  t.equal(answer.headers['audit-id'], 'my-id');
  const line = lab.auditLines
    .map((text): Record<string, unknown> => JSON.parse(text))
    .find((event) => event['auditID'] === 'my-id');
  t.match(line, {
    stage: 'ResponseComplete',
    verb: 'create',
    user: { username: 'admin' },
    impersonatedUser: { username: 'eve' },
    objectRef: { resource: 'secrets', namespace: 'default' },
    responseStatus: { code: 201 },
    annotations: { 'authorization.k8s.io/decision': 'allow' },
  });
  t.notMatch(lab.auditLines.join('\n'), /canary-value-7|Y2FuYXJ5LXZhbHVlLTc/);
});

t.test('a request for a certificate can be applied, and says who asked with what', async (t) => {
  const url = `${requests}/applied`;
  const identity = { apiVersion: 'certificates.k8s.io/v1', kind: 'CertificateSigningRequest' };
  const applyTo = async (url: string, more: unknown): Promise<LabAnswer> =>
    await lab.request('PATCH', `${url}?fieldManager=one`, {
      body: { ...identity, metadata: { name: 'applied' }, ...(more as object) },
      headers: { 'content-type': 'application/apply-patch+yaml' },
    });
  const request = btoa(await requestFor('jane', newKey()));
  const spec = { request, signerName: 'wcp.example/nobody', usages: ['client auth'] };
  const made = await applyTo(url, { spec });
  t.match(made, { status: 201, body: { spec: { ...spec, username: 'admin' } } });
  const digest = new X509Certificate(lab.admin.cert).fingerprint256.replaceAll(':', '').toLowerCase();
  t.same(made.body.spec.extra, { 'authentication.kubernetes.io/credential-id': [`X509SHA256=${digest}`] });
  const owners: readonly { manager: string; fieldsV1: unknown }[] = made.body.metadata.managedFields ?? [];
  t.notOk(
    owners.some(({ manager }) => manager === 'one'),
    'nobody owns what cannot be changed',
  );
  const misnamed = { ...identity, metadata: { name: 'a/b' } };
  const fieldsOf = async (spec: unknown): Promise<unknown> => {
    const refused = await lab.request('POST', requests, { body: { ...misnamed, spec } });
    return refused.body.details.causes.map(({ field }: { field: string }) => field);
  };
  t.same(await fieldsOf({ ...spec, usages: [] }), ['spec.usages'], 'a name that no path can hold is told last');
  t.same(await fieldsOf(spec), ['metadata.name']);
  const strange = ['spec.usages[0]', 'spec.usages[1]', 'spec.usages[1]'];
  t.same(await fieldsOf({ ...spec, usages: ['a', 'a'] }), strange, 'one that nobody knows, and that is there twice');
  const nobodys = { status: 201, body: { spec: { extra: made.body.spec.extra } } };
  const other = { ...identity, metadata: { name: 'other' }, spec: { ...spec, extra: { key: null } } };
  t.match(await lab.request('POST', requests, { body: other }), nobodys, 'null is no values');
  for (const broken of [{ spec: { request: 'eA=' } }, { status: { conditions: [{ type: 'A', lastUpdateTime: 'x' }] } }])
    t.match(await applyTo(url, broken), { status: 400 }, 'what is not taken over must be readable all the same');
  t.match((await applyTo(url, { spec: { ...spec, usages: ['any'] } })).body, { spec }, 'and changes nothing');
  const approval = await applyTo(`${url}/approval`, { spec });
  t.equal(approval.body.metadata.resourceVersion, made.body.metadata.resourceVersion, 'not by its approval either');
  const { causes } = (await applyTo(`${url}/approval`, { status: { conditions: [{ type: 'A' }] } })).body.details;
  t.same(causes, [{ field: 'status.conditions[0].status', reason: 'FieldValueRequired', message: 'Required value' }]);
  const status = { certificate: 'eA==', conditions: [{ type: 'A', status: 'True', reason: 'B' }] };
  for (const [name, foreign] of Object.entries({ status: 'conditions', approval: 'certificate' } as const)) {
    const { body } = await applyTo(`${url}/${name}`, { status: { [foreign]: status[foreign] } });
    const managers: readonly { manager: string }[] = body.metadata.managedFields ?? [];
    t.notOk(
      managers.some(({ manager }) => manager === 'one'),
      `nobody owns ${foreign} by ${name}`,
    );
  }
});

t.test('who writes a part of a built-in kind writes its metadata, too, and nothing else', async (t) => {
  const parts = {
    '/api/v1/namespaces/default': ['status', 'finalize'],
    [`${requests}/applied`]: ['status', 'approval'],
  };
  for (const [url, names] of Object.entries(parts)) {
    for (const name of names) {
      const { body } = await lab.request('GET', url);
      const metadata = { ...body.metadata, labels: { part: name } };
      const spec = { ...body.spec, signerName: 'wcp.example/other' };
      const written = await lab.request('PUT', `${url}/${name}`, { body: { ...body, metadata, spec } });
      t.match(written, { status: 200, body: { metadata: { labels: { part: name } } } }, `${url}/${name}`);
      t.same(written.body.spec, body.spec);
      const asTable = { accept: 'application/json;as=Table;v=v1;g=meta.k8s.io' };
      const shown = await lab.request('PUT', `${url}/${name}?dryRun=All`, {
        body: written.body,
        headers: asTable,
      });
      t.equal(shown.status, name === 'status' ? 200 : 406, 'of the parts only a status has columns');
    }
  }
  const { body } = await lab.request('GET', '/api/v1/namespaces/default');
  t.equal(body.metadata.labels['kubernetes.io/metadata.name'], 'default', 'a namespace keeps its name in a label');
});

t.test('a connection outlives the ten seconds between two heartbeats of an agent', async (t) => {
  const { headers } = await lab.request('GET', '/version');
  const [, seconds] = /^timeout=(\d+)$/.exec(String(headers['keep-alive'])) ?? [];
  t.ok(Number(seconds) > 10, `it is kept for ${seconds} s`);
});

t.test('one user cannot take what is left for others', (t) => {
  const flow = createFlowControl({ readOnly: 8, mutating: 8 });
  const user = (name: string) => ({ name, groups: [] });
  const mine = Array.from({ length: 6 }, () => flow.enter(user('a'), true));
  t.throws(() => flow.enter(user('a'), true), /Too many requests/);
  const others = [flow.enter(user('b'), true)];
  mine[0]?.();
  mine[1]?.();
  t.throws(() => flow.enter(user('a'), true), /Too many requests/, 'half full and two users: no more than half each');
  others.push(flow.enter(user('b'), true));
  t.doesNotThrow(() => flow.enter({ name: 'root', groups: ['system:masters'] }, true));
  t.same(flow.inFlight, { readOnly: 0, mutating: 7 });
  t.end();
});

t.test(
  'who sends bodies slowly keeps nobody else out, and no more of them are awaited than there are places',
  async (t) => {
    const own = await startLabServer({ flow: { readOnly: 8, mutating: 8 } });
    t.teardown(() => own.stop());
    const path = '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews';
    const statuses: number[] = [];
    const open = async (name: string, count: number): Promise<void> => {
      const session = connect(own.url, { ca: own.authority.ca, ...(await own.authority.client(name, [])) });
      t.teardown(() => session.destroy());
      session.on('error', () => undefined);
      for (let sent = 0; sent < count; sent += 1) {
        const request = session.request({ ':method': 'POST', ':path': path, 'content-type': 'application/json' });
        request.on('response', (headers) => statuses.push(Number(headers[':status']))).on('error', () => undefined);
        request.write('{');
      }
      await once(session.request({ ':path': '/version' }), 'response');
    };
    await open('slow', 7);
    await open('slower', 4);
    await eventually(() => Promise.resolve(statuses.length === 3), 'the ones beyond eight to be answered');
    t.same(statuses, [429, 429, 429]);
    const body = {
      apiVersion: 'authorization.k8s.io/v1',
      kind: 'SelfSubjectAccessReview',
      spec: { resourceAttributes: { verb: 'get', resource: 'pods' } },
    };
    for (const name of ['third', 'slow']) {
      const identity = await own.authority.client(name, []);
      t.match(await own.request('POST', path, { identity, body }), { status: 201 }, name);
    }
  },
);
