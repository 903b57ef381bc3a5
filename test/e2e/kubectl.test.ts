import { writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import t, { type Test } from 'tap';
import { aWebsite, websiteDefinition } from '#test/builders/website-definition.ts';
import { until } from '#test/lab/instance.ts';
import { openKubectl } from '#test/lab/kubectl.ts';
import { type Ended } from '#test/lab/run.ts';
import { startTestServer } from '#test/lab/test-server.ts';

const lab = await startTestServer();
const kubectl = await openKubectl(lab.kubeconfig);
t.teardown(() => lab.stop());

const run = (command: string, input?: unknown): Promise<Ended> =>
  kubectl.run(
    command.split(' '),
    input === undefined ? {} : { input: typeof input === 'string' ? input : JSON.stringify(input) },
  );

async function succeeds(t: Test, command: string, input?: unknown): Promise<string> {
  const result = await run(command, input);
  t.equal(result.exitCode, 0, `kubectl ${command}: ${result.stderr}`);
  return result.stdout;
}

const site = (name: string, host?: string): Record<string, unknown> => aWebsite(name, host);
const sites = '/apis/wcp.example/v1/namespaces/default/websites';

await t.test('typed clients create built-in kinds, whose bodies are protobuf', async (t) => {
  t.match(await succeeds(t, 'create namespace shop'), /^namespace\/shop created/);
  t.match(await succeeds(t, 'create secret generic s --from-literal=user=jane'), /created/);
  t.match(await succeeds(t, 'create configmap c --from-literal=a=b'), /created/);
  t.match(await succeeds(t, 'create serviceaccount robot'), /created/);
  t.match(await succeeds(t, 'create role reader --verb=get,list --resource=secrets'), /created/);
  t.match(await succeeds(t, 'create rolebinding reader --role=reader --user=jane'), /created/);
  t.match(await succeeds(t, 'create clusterrole nodes --verb=get --resource=namespaces'), /created/);
  t.match(await succeeds(t, 'create quota q --hard=count/configmaps=50'), /created/);
  t.match(await succeeds(t, 'create token robot --duration=20m'), /^ey/);
  t.match((await lab.request('GET', '/api/v1/namespaces/default/secrets/s')).body, {
    type: 'Opaque',
    data: { user: 'amFuZQ==' },
  });
  t.match((await lab.request('GET', '/api/v1/namespaces/default/configmaps/c')).body, { data: { a: 'b' } });
  const role = (await lab.request('GET', '/apis/rbac.authorization.k8s.io/v1/namespaces/default/roles/reader')).body;
  t.same(role.rules, [{ verbs: ['get', 'list'], apiGroups: [''], resources: ['secrets'] }]);
  t.match(await succeeds(t, 'get ns,secret,cm,sa,role,rolebinding'), /secret\/s +Opaque +1 /);
});

await t.test('a definition is applied, established and known to every command', async (t) => {
  t.match(await succeeds(t, 'apply -f -', websiteDefinition()), /created/);
  t.match(
    await succeeds(t, 'wait --for=condition=Established crd/websites.wcp.example --timeout=10s'),
    /condition met/,
  );
  t.match(await succeeds(t, 'api-resources --api-group=wcp.example'), /websites +web +wcp.example\/v1 +true +Website/);
  // A Kubernetes publishes the schema of a new kind a moment after it serves it.
  await until(async () => (await run('explain web.spec')).exitCode === 0, 'the schema');
  t.match(await succeeds(t, 'explain web.spec'), /host\t<string> -required-\n +The host name\./);
  t.match(await succeeds(t, 'explain secret.data'), /FIELD: data/);
  t.match(await succeeds(t, 'apply -f -', websiteDefinition()), /unchanged/);
});

await t.test('client-side apply creates, changes, and finds nothing to do', async (t) => {
  t.match(await succeeds(t, 'apply -f -', site('w1')), /created/);
  const before = (await lab.request('GET', `${sites}/w1`)).body.metadata.resourceVersion;
  t.match(await succeeds(t, 'apply -f -', site('w1')), /unchanged/);
  t.equal((await lab.request('GET', `${sites}/w1`)).body.metadata.resourceVersion, before);
  t.match(await succeeds(t, 'apply -f -', site('w1', 'other.example')), /configured/);
  t.match(
    await succeeds(t, 'apply -f -', {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: 'applied' },
      data: { a: '1' },
    }),
    /created/,
  );
  t.match(
    await succeeds(t, 'apply -f -', {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: 'applied' },
      data: { a: '2' },
    }),
    /configured/,
  );
  const list = {
    apiVersion: 'v1',
    kind: 'List',
    items: [site('l1'), { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'l2' } }],
  };
  t.match(await succeeds(t, 'apply -f -', list), /website.wcp.example\/l1 created\nconfigmap\/l2 created/);
});

await t.test('server-side apply owns fields, tells conflicts and takes over from client-side apply', async (t) => {
  t.match(await succeeds(t, 'apply --server-side -f -', site('w2', 'a.example')), /serverside-applied/);
  t.match(await succeeds(t, 'apply --server-side -f -', site('w2', 'a.example')), /serverside-applied/);
  const conflict = await run('apply --server-side --field-manager=other -f -', site('w2', 'b.example'));
  t.equal(conflict.exitCode, 1);
  t.match(
    conflict.stderr,
    /Apply failed with 1 conflict: conflict with "kubectl"(?: using wcp.example\/v1)?: .spec.host/,
  );
  t.match(
    await succeeds(t, 'apply --server-side --force-conflicts --field-manager=other -f -', site('w2', 'b.example')),
    /serverside-applied/,
  );
  t.match(await succeeds(t, 'apply --server-side -f -', site('w1', 'third.example')), /serverside-applied/);
  const managers = (await lab.request('GET', `${sites}/w1`)).body.metadata.managedFields.map(
    ({ manager }: { manager: string }) => manager,
  );
  t.notOk(managers.includes('kubectl-client-side-apply'), 'the entries were migrated');
});

await t.test('get prints the columns of the kind, in every form', async (t) => {
  t.match(await succeeds(t, 'get web'), /^NAME +HOST\n/);
  t.match(await succeeds(t, 'get all'), /website.wcp.example\/w1 /);
  t.match(await succeeds(t, 'get web --show-labels'), /LABELS/);
  t.match(await succeeds(t, 'get web --sort-by=.spec.host -A'), /NAMESPACE +NAME +HOST/);
  t.match(await succeeds(t, 'get web w1 -o yaml'), /^spec:\n  host: third.example/m);
  t.equal(await succeeds(t, 'get web w1 -o jsonpath={.spec.host}'), 'third.example');
  t.match(await succeeds(t, 'get web --field-selector=spec.host=b.example'), /w2/);
  t.match(await succeeds(t, 'get web --chunk-size=1'), /w2/);
  t.match(await succeeds(t, 'get crd,clusterrole,quota'), /websites.wcp.example/);
  t.match(
    (await run('get web nobody')).stderr,
    /Error from server \(NotFound\): websites.wcp.example "nobody" not found/,
  );
});

await t.test('describe shows the events of an object, made in either group', async (t) => {
  const { uid } = (await lab.request('GET', `${sites}/w1`)).body.metadata;
  const target = { apiVersion: 'wcp.example/v1', kind: 'Website', name: 'w1', namespace: 'default', uid };
  const time = new Date().toISOString();
  await lab.request('POST', '/api/v1/namespaces/default/events', {
    body: {
      apiVersion: 'v1',
      kind: 'Event',
      metadata: { name: 'w1.1' },
      involvedObject: target,
      reason: 'Core',
      message: 'from core',
      type: 'Normal',
      firstTimestamp: time,
      lastTimestamp: time,
      count: 1,
    },
  });
  const fresh = {
    apiVersion: 'events.k8s.io/v1',
    kind: 'Event',
    metadata: { name: 'w1.2' },
    regarding: target,
    reason: 'Fresh',
    note: 'from events',
    type: 'Normal',
  };
  const answer = await lab.request('POST', '/apis/events.k8s.io/v1/namespaces/default/events', {
    body: {
      ...fresh,
      action: 'Test',
      reportingController: 'lab',
      reportingInstance: 'lab-1',
      eventTime: `${time.slice(0, -1)}000Z`,
    },
  });
  t.equal(answer.status, 201, answer.text);
  const described = await succeeds(t, 'describe web w1');
  t.match(described, /Host: +third.example/);
  t.match(described, /Core .*from core/);
  t.match(described, /Fresh .*from events/);
  t.match(await succeeds(t, 'events --for=website/w1'), /from core/);
});

await t.test('patch, label, annotate, scale and edit change objects', async (t) => {
  await succeeds(t, 'patch web w1 --type=merge -p {"spec":{"host":"patched.example"}}');
  await succeeds(t, 'patch cm c -p {"data":{"z":"1"}}');
  t.match(
    (await run('patch web w1 -p {"spec":{"host":"x"}}')).stderr,
    /application\/strategic-merge-patch\+json is not supported by wcp.example\/v1, Kind=Website/,
  );
  await succeeds(t, 'label web w1 tier=front');
  await succeeds(t, 'annotate web w1 note=x');
  t.match(await succeeds(t, 'get web -l tier=front'), /w1/);
  await succeeds(t, 'scale web w1 --replicas=3');
  await succeeds(t, 'scale web w1 --current-replicas=3 --replicas=4');
  t.equal(await succeeds(t, 'get web w1 -o jsonpath={.spec.replicas}'), '4');
  t.equal((await run('scale web w1 --current-replicas=3 --replicas=5')).exitCode, 1);
  await succeeds(t, 'patch web w1 --subresource=status --type=merge -p {"status":{"replicas":4}}');
  const editor = join(dirname(lab.kubeconfig), 'editor');
  await writeFile(editor, '#!/bin/sh\nsed -i s/patched.example/edited.example/ "$1"\n', { mode: 0o700 });
  const edited = await kubectl.run(['edit', 'web', 'w1'], { env: { EDITOR: editor } });
  t.match(edited, { exitCode: 0, stdout: /edited/ });
  t.match((await lab.request('GET', `${sites}/w1`)).body, {
    spec: { host: 'edited.example', replicas: 4 },
    status: { replicas: 4 },
  });
});

await t.test('what is wrong with a manifest is told in the words of Kubernetes', async (t) => {
  const wrong = { ...site('bad'), spec: { host: 'x', foo: 1, replicas: 11 } };
  const strict = await run('create -f -', wrong);
  t.match(strict, {
    exitCode: 1,
    stderr: /Website in version "v1" cannot be handled as a Website: strict decoding error: unknown field "spec.foo"/,
  });
  const warned = await run('create --validate=warn -f -', wrong);
  t.match(warned.stderr, /Warning: unknown field "spec.foo"/);
  t.match(
    warned.stderr,
    /The Website "bad" is invalid: spec.replicas: Invalid value: 11: spec.replicas in body should be less than or equal to 10/,
  );
  t.match((await run('create -f -', site('w1'))).stderr, /AlreadyExists|already exists/);
});

await t.test('diff shows what an apply would change, and changes nothing', async (t) => {
  const before = (await lab.request('GET', `${sites}/w2`)).body.metadata.resourceVersion;
  t.match(await run('diff -f -', site('w2', 'diff.example')), { exitCode: 1, stdout: /\+  host: diff.example/ });
  t.match(await run('diff --server-side --force-conflicts -f -', site('w2', 'diff.example')), { exitCode: 1 });
  t.equal((await lab.request('GET', `${sites}/w2`)).body.metadata.resourceVersion, before);
  t.equal((await run('diff --server-side --field-manager=other -f -', site('w2', 'b.example'))).exitCode, 0);
});

await t.test('wait returns when the condition comes true', async (t) => {
  const waiting = run('wait --for=condition=Ready web/w2 --timeout=20s');
  await delay(300);
  await lab.request('PATCH', `${sites}/w2/status`, {
    body: { status: { conditions: [{ type: 'Ready', status: 'True' }] } },
    headers: { 'content-type': 'application/merge-patch+json' },
  });
  t.match(await waiting, { exitCode: 0, stdout: /condition met/ });
  t.match(await succeeds(t, 'wait --for=jsonpath={.spec.host}=b.example web/w2 --timeout=5s'), /condition met/);
  const gone = run('wait --for=delete web/l1 --timeout=20s');
  await delay(300);
  await lab.request('DELETE', `${sites}/l1`);
  t.equal((await gone).exitCode, 0);
});

await t.test('a watch prints each change as a row', async (t) => {
  const watching = kubectl.start(['get', 'web', '--watch-only', '--output-watch-events']);
  let text = '';
  watching.stdout.on('data', (chunk: Buffer) => (text += chunk.toString()));
  const appear = async (name: string): Promise<void> => {
    await lab.request('POST', sites, { body: site(name) });
    await lab.request('DELETE', `${sites}/${name}`);
  };
  let early = 0;
  await until(async () => {
    await appear(`early-${(early += 1)}`);
    return text !== '';
  }, 'the watch to begin');
  await appear('seen');
  const rows = /^EVENT +NAME +HOST\n(?:.*\n)*ADDED +seen +seen.example\nDELETED +seen +seen.example/;
  await until(() => rows.test(text), 'each change').catch(() => undefined);
  watching.kill();
  t.match(text, rows);
});

await t.test('auth can-i and whoami ask the server', async (t) => {
  t.match(await run('auth can-i list secrets --as=jane'), { exitCode: 0, stdout: /^yes/ });
  t.match(await run('auth can-i delete secrets --as=jane'), { exitCode: 1, stdout: /^no/ });
  t.match(await run('auth can-i create websites.wcp.example --as=eve --as-group=system:masters'), { stdout: /^yes/ });
  t.match(await succeeds(t, 'auth can-i --list --as=jane'), /secrets +\[\] +\[\] +\[get list\]/);
  t.match(await succeeds(t, 'auth whoami'), /Username +admin/);
  t.match(
    (await run('get secrets --as=eve')).stderr,
    /Error from server \(Forbidden\): secrets is forbidden: User "eve" cannot list resource "secrets"/,
  );
});

await t.test('delete waits until objects, namespaces and definitions are gone', async (t) => {
  t.match(await succeeds(t, 'delete web w1'), /deleted/);
  t.match(await succeeds(t, 'delete web --all'), /"w2" deleted/);
  await succeeds(t, 'create configmap inside -n shop');
  t.match(await succeeds(t, 'delete namespace shop'), /deleted/);
  t.match((await run('get ns shop')).stderr, /not found/);
  t.match(await succeeds(t, 'delete crd websites.wcp.example'), /deleted/);
  t.equal((await run('get web')).exitCode, 1);
});
