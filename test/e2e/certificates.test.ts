import { createPrivateKey, X509Certificate } from 'node:crypto';
import t from 'tap';
import { newKey } from '#runtime/pki/crypto-keys.ts';
import { requestFor } from '#runtime/pki/issue.ts';
import type { Identity } from '#test/lab/pki.ts';
import type { LabAnswer } from '#test/lab/lab-api.ts';
import { until } from '#test/lab/instance.ts';
import { openKubectl } from '#test/lab/kubectl.ts';
import { startTestServer } from '#test/lab/test-server.ts';

// The same laws hold on our server and on a kube-apiserver with its controller manager.

const server = await startTestServer();
t.teardown(() => server.stop());

const group = 'certificates.k8s.io';
const collection = `/apis/${group}/v1/certificatesigningrequests`;
const clientSigner = 'kubernetes.io/kube-apiserver-client';
/** `openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /O=system:masters/CN=jane` */
const mastersRequest = `-----BEGIN CERTIFICATE REQUEST-----
MIHjMIGKAgEAMCgxFzAVBgNVBAoMDnN5c3RlbTptYXN0ZXJzMQ0wCwYDVQQDDARq
YW5lMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEnxUsRbp83X7Tr2wihwglXCkO
bMnj9RuNowFfFSI/VhhQlTSlrU9uA1AlkEu3Ew5hTGdRLs7e/lwHbmMXwn4Bz6AA
MAoGCCqGSM49BAMCA0gAMEUCICnkt30KMa7H3MGI2HbboemP0NsjqfQ8dztcF5Li
Ng9LAiEA/cg7qRA0IA/PmHjCbK25lzBUDSCWOi6zub3puRKOeOQ=
-----END CERTIFICATE REQUEST-----
`;
const usages = ['digital signature', 'client auth'];

interface Asked {
  readonly name: string;
  readonly commonName?: string;
  readonly spec?: Readonly<Record<string, unknown>>;
  readonly identity?: Identity;
}

/** Asks for a certificate of `key`. */
async function ask(key: string, { name, commonName = 'jane', spec = {}, identity }: Asked): Promise<LabAnswer> {
  const request = btoa(await requestFor(commonName, key));
  const body = {
    apiVersion: `${group}/v1`,
    kind: 'CertificateSigningRequest',
    metadata: { name },
    spec: { request, signerName: clientSigner, usages, ...spec },
  };
  return await server.request('POST', collection, { body, ...(identity !== undefined && { identity }) });
}

const get = async (name: string): Promise<LabAnswer> => await server.request('GET', `${collection}/${name}`);

type Condition = Readonly<Record<string, unknown>>;

/** Writes a subresource with one condition more. */
async function put(
  name: string,
  part: 'approval' | 'status',
  { condition, status = {}, identity }: { condition?: Condition; status?: object; identity?: Identity },
): Promise<LabAnswer> {
  const { body } = await get(name);
  const conditions = [...(body.status.conditions ?? []), ...(condition === undefined ? [] : [condition])];
  return await server.request('PUT', `${collection}/${name}/${part}`, {
    body: { ...body, status: { ...body.status, conditions, ...status } },
    ...(identity !== undefined && { identity }),
  });
}

const approved = { type: 'Approved', status: 'True', reason: 'Test', message: 'for the test' };

const approve = async (name: string, identity?: Identity): Promise<LabAnswer> =>
  await put(name, 'approval', { condition: approved, ...(identity !== undefined && { identity }) });

/** The certificate that was issued; waits for it. */
async function issued(name: string): Promise<X509Certificate> {
  const text = await until(async () => (await get(name)).body.status.certificate as string | undefined, name);
  return new X509Certificate(Buffer.from(text, 'base64').toString('utf8'));
}

/** Somebody with these rights on certificates.k8s.io. */
async function somebody(name: string, rules: readonly object[]): Promise<Identity> {
  const rbac = '/apis/rbac.authorization.k8s.io/v1';
  const roleRef = { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name };
  const subjects = [{ apiGroup: 'rbac.authorization.k8s.io', kind: 'User', name }];
  const created = [
    await server.request('POST', `${rbac}/clusterroles`, { body: { metadata: { name }, rules } }),
    await server.request('POST', `${rbac}/clusterrolebindings`, { body: { metadata: { name }, roleRef, subjects } }),
  ];
  if (created.some(({ status }) => status !== 201)) throw new Error(created.map(({ text }) => text).join());
  return await server.authority.client(name, ['people']);
}

const rule = (resource: string, verbs: readonly string[], resourceNames?: readonly string[]): object => ({
  apiGroups: [group],
  resources: [resource],
  verbs,
  ...(resourceNames !== undefined && { resourceNames }),
});

await t.test('who asks is noted by the server, and nothing of it can be forged or changed', async (t) => {
  const identity = await somebody('asker', [rule('certificatesigningrequests', ['create', 'update'])]);
  const forged = { username: 'admin', uid: 'x', groups: ['system:masters'], extra: { a: ['b'] } };
  const { status, body } = await ask(newKey(), { name: 'asked', spec: forged, identity });
  t.equal(status, 201);
  t.match(body.spec, { username: 'asker', signerName: clientSigner, usages });
  t.same(body.spec.groups, ['people', 'system:authenticated']);
  t.equal(body.spec.extra?.a, undefined);
  t.equal(body.spec.uid, undefined);
  t.same(body.status, {});
  t.equal(body.metadata.managedFields, undefined, 'nobody owns what nobody can change');
  const changed = { ...body, spec: { ...body.spec, usages: ['client auth'], username: 'admin' } };
  const put = await server.request('PUT', `${collection}/asked`, { body: changed, identity });
  t.equal(put.status, 200);
  t.same(put.body.spec, body.spec);
});

await t.test('a request that cannot be one is refused by name', async (t) => {
  const cases: readonly (readonly [string, object, string])[] = [
    ['no usages', { usages: [] }, 'spec.usages'],
    ['an unknown usage', { usages: ['client auth', 'cooking'] }, 'spec.usages[1]'],
    ['a usage twice', { usages: ['client auth', 'client auth'] }, 'spec.usages[1]'],
    ['a life too short', { expirationSeconds: 599 }, 'spec.expirationSeconds'],
    ['no request', { request: btoa('nothing') }, 'spec.request'],
    ['no signer', { signerName: '' }, 'spec.signerName'],
    ['a signer without a domain', { signerName: 'mine' }, 'spec.signerName'],
    ['the signer of old', { signerName: 'kubernetes.io/legacy-unknown' }, 'spec.signerName'],
  ];
  for (const [why, spec, field] of cases) {
    const { status, body } = await ask(newKey(), { name: 'bad', spec: spec as Readonly<Record<string, unknown>> });
    t.equal(status, 422, why);
    t.same(
      body.details?.causes.map((cause: { field: string }) => cause.field),
      [field],
      why,
    );
  }
  const other = Buffer.from(await requestFor('jane', newKey()))
    .toString('utf8')
    .split('\n');
  const mixed = (await requestFor('jane', newKey())).split('\n').map((line, at) => (at === 4 ? other[4] : line));
  const { status } = await ask(newKey(), { name: 'bad', spec: { request: btoa(mixed.join('\n')) } });
  t.equal(status, 422, 'a signature that is not the key’s');
});

await t.test('what is approved is signed for the name and key that were asked for, as long as was asked', async (t) => {
  const key = newKey();
  await ask(key, { name: 'short', spec: { expirationSeconds: 600 } });
  t.equal((await get('short')).body.status.certificate, undefined, 'nothing before that');
  const { status, body } = await approve('short');
  t.equal(status, 200);
  t.match(body.status.conditions, [{ ...approved, lastUpdateTime: /Z$/, lastTransitionTime: /Z$/ }]);
  const certificate = await issued('short');
  t.equal(certificate.subject, 'CN=jane');
  t.ok(certificate.checkPrivateKey(createPrivateKey(key)));
  t.ok(certificate.verify(new X509Certificate(server.authority.ca).publicKey));
  t.same(certificate.keyUsage, ['1.3.6.1.5.5.7.3.2']);
  const spanMs = certificate.validToDate.getTime() - Date.now();
  t.ok(spanMs > 500_000 && spanMs <= 600_000, `${spanMs} ms are left`);
  const whoami = await server.request('POST', '/apis/authentication.k8s.io/v1/selfsubjectreviews', {
    body: { apiVersion: 'authentication.k8s.io/v1', kind: 'SelfSubjectReview' },
    identity: { cert: Buffer.from(certificate.toString()), key: Buffer.from(key) },
  });
  t.match(whoami.body.status.userInfo, { username: 'jane', groups: ['system:authenticated'] });
});

await t.test('what a client’s key is not for fails', async (t) => {
  await ask(newKey(), { name: 'serving', spec: { usages: ['server auth'] } });
  await approve('serving');
  const conditions = await until(async () => {
    const found: readonly Condition[] = (await get('serving')).body.status.conditions;
    return found.length > 1 ? found : undefined;
  }, 'the verdict of the signer');
  t.match(conditions[1], { type: 'Failed', status: 'True', reason: 'SignerValidationFailure', message: /server auth/ });
});

await t.test('nobody asks to be a master of the cluster', async (t) => {
  const body = (await get('short')).body;
  const request = mastersRequest;
  const { status, body: answer } = await server.request('POST', collection, {
    body: { ...body, metadata: { name: 'master' }, spec: { request: btoa(request), signerName: clientSigner, usages } },
  });
  t.equal(status, 403);
  t.match(answer.message, /"master" is forbidden: use of .* signer with system:masters group is not allowed/);
});

await t.test('to approve needs the right for that very signer', async (t) => {
  const write = rule('certificatesigningrequests/approval', ['update']);
  const other = await somebody('other', [write, rule('signers', ['approve'], ['example.com/mine'])]);
  const one = await somebody('one', [write, rule('signers', ['approve'], [clientSigner])]);
  const all = await somebody('all', [write, rule('signers', ['approve'], ['kubernetes.io/*'])]);
  for (const name of ['first', 'second']) await ask(newKey(), { name });
  const refused = await approve('first', other);
  t.equal(refused.status, 403);
  t.match(refused.body.message, `user not permitted to approve requests with signerName "${clientSigner}"`);
  t.equal((await approve('first', one)).status, 200);
  t.equal((await approve('second', all)).status, 200);
});

await t.test('verdicts stay, exclude each other, and are written where they belong', async (t) => {
  const denied = { ...approved, type: 'Denied' };
  await ask(newKey(), { name: 'verdict', spec: { signerName: 'example.com/mine' } });
  const early = await put('verdict', 'status', { condition: approved });
  t.equal(early.status, 422);
  t.match(early.body.message, 'updates may not add a condition of type "Approved"');
  t.equal((await put('verdict', 'approval', { condition: { ...denied, status: 'False' } })).status, 422);
  t.equal((await put('verdict', 'approval', { condition: denied })).status, 200);
  const both = await put('verdict', 'approval', { condition: approved });
  t.equal(both.status, 422);
  t.match(both.body.message, 'Approved and Denied conditions are mutually exclusive');
  const removed = await put('verdict', 'approval', { status: { conditions: [] } });
  t.equal(removed.status, 422);
  t.match(removed.body.message, 'updates may not remove a condition of type "Denied"');
});

await t.test('a signer writes the certificate once, and needs the right to sign', async (t) => {
  const rules = [
    rule('certificatesigningrequests/status', ['update']),
    rule('signers', ['sign'], ['example.com/mine']),
  ];
  const signer = await somebody('signer', rules);
  const stranger = await somebody('stranger', [rule('certificatesigningrequests/status', ['update'])]);
  await ask(newKey(), { name: 'mine', spec: { signerName: 'example.com/mine' } });
  const certificate = Buffer.from(server.authority.ca).toString('base64');
  const status = { certificate };
  t.equal((await put('mine', 'status', { status, identity: stranger })).status, 403);
  t.equal((await put('mine', 'status', { status: { certificate: btoa('no') }, identity: signer })).status, 422);
  t.equal((await put('mine', 'status', { status, identity: signer })).status, 200);
  const again = await put('mine', 'status', { status: { certificate: btoa('other') }, identity: signer });
  t.equal(again.status, 422);
  t.match(again.body.message, 'updates may not modify existing certificate content');
});

await t.test('kubectl approves, denies, and shows it', async (t) => {
  const kubectl = await openKubectl(server.kubeconfig);
  for (const name of ['yes', 'no']) await ask(newKey(), { name });
  for (const argv of [
    ['approve', 'yes'],
    ['deny', 'no'],
  ]) {
    const { exitCode, stderr } = await kubectl.run(['certificate', ...argv]);
    t.equal(exitCode, 0, stderr);
  }
  await issued('yes');
  const { stdout } = await kubectl.run(['get', 'csr', 'yes', 'no']);
  t.match(stdout, /yes .* Approved,Issued\n/);
  t.match(stdout, /no .* Denied\n/);
});

await t.test('a table tells who asks and what became of it', async (t) => {
  const accept = 'application/json;as=Table;v=v1;g=meta.k8s.io';
  const { body } = await server.request('GET', `${collection}/short`, { headers: { accept } });
  t.same(
    body.columnDefinitions.map(({ name }: { name: string }) => name),
    ['Name', 'Age', 'SignerName', 'Requestor', 'RequestedDuration', 'Condition'],
  );
  t.same(body.rows[0].cells.toSpliced(1, 1), ['short', clientSigner, 'admin', '10m', 'Approved,Issued']);
  const mine = await server.request('GET', `${collection}?fieldSelector=spec.signerName%3Dexample.com%2Fmine`);
  t.same(mine.body.items.map(({ metadata }: { metadata: { name: string } }) => metadata.name).toSorted(), [
    'mine',
    'verdict',
  ]);
});
