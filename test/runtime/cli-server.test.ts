import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { parse } from 'yaml';
import { websiteDefinition } from '#test/builders/website-definition.ts';
import { startLabServer } from '#test/lab/api-server.ts';
import { runWcpctl, type Answer } from '#test/lab/wcpctl.ts';

interface Lab {
  run(...words: readonly string[]): Promise<Answer>;
  /** Runs with these texts as files `0.yaml`, `1.yaml`, … in a directory of their own, which stands for `DIR` in the words. */
  withFiles(texts: readonly string[], ...words: readonly string[]): Promise<Answer>;
}

/** wcpctl against a server in this process, with the kind Website defined. */
async function setUp(t: Test, env: Readonly<Record<string, string>> = {}): Promise<Lab> {
  const server = await startLabServer();
  const directory = await mkdtemp(join(tmpdir(), 'wcpctl-'));
  t.teardown(async () => {
    await server.stop();
    await rm(directory, { recursive: true, force: true });
  });
  let count = 0;
  const run = async (...words: readonly string[]): Promise<Answer> =>
    await runWcpctl({ kubeconfig: server.kubeconfig, directory, env }, words);
  const withFiles = async (texts: readonly string[], ...words: readonly string[]): Promise<Answer> => {
    const into = await mkdtemp(join(directory, `set${count++}-`));
    await Promise.all(texts.map(async (text, index) => writeFile(join(into, `${index}.yaml`), text)));
    return run(...words.map((word) => word.replace('DIR', into)));
  };
  const defined = await withFiles([JSON.stringify(websiteDefinition())], 'apply', '-f', 'DIR');
  t.equal(defined.code, 0, defined.err);
  for (let tries = 0; (await run('get', 'websites')).code !== 0 && tries < 50; tries++)
    await new Promise((resolve) => setTimeout(resolve, 50));
  return { run, withFiles };
}

const site = (name: string, host: string, more = ''): string =>
  `apiVersion: wcp.example/v1\nkind: Website\nmetadata: { name: ${name}, labels: { tier: web } }\nspec: { host: ${host}${more} }\n`;

t.test('apply creates, tells what it changed, and changes nothing the second time', async (t) => {
  const { withFiles, run } = await setUp(t);
  t.same(await withFiles([site('a', 'one')], 'apply', '-f', 'DIR'), {
    code: 0,
    out: 'website.wcp.example/a created\n',
    err: '',
  });
  t.match(await withFiles([site('a', 'one')], 'apply', '-f', 'DIR'), {
    code: 0,
    out: 'website.wcp.example/a unchanged\n',
  });
  t.match(await withFiles([site('a', 'two')], 'apply', '-f', 'DIR'), {
    code: 0,
    out: 'website.wcp.example/a configured\n',
  });
  t.equal((await run('get', 'web/a', '-o', 'jsonpath={.spec.host}')).out, 'two');
});

t.test('a dry run tells the same and writes nothing', async (t) => {
  const { withFiles, run } = await setUp(t);
  const answer = await withFiles([site('a', 'one')], 'apply', '-f', 'DIR', '--dry-run=server');
  t.same(answer, { code: 0, out: 'website.wcp.example/a created (server dry run)\n', err: '' });
  t.match(await run('get', 'web/a'), {
    code: 1,
    err: 'Error from server (NotFound): websites.wcp.example "a" not found\n',
  });
});

t.test(
  'nothing is written when one of several documents is wrong, and every fault names file, line, object and field',
  async (t) => {
    const { withFiles, run } = await setUp(t);
    const files = [
      `${site('good', 'one')}---\n${site('many', 'one', ', replicas: 11')}`,
      site('odd', 'one', ', nope: 1'),
    ];
    const answer = await withFiles(files, 'apply', '-f', 'DIR');
    t.equal(answer.code, 1);
    t.match(answer.err, /0\.yaml:6: Website default\/many: spec\.replicas: Invalid value: 11/);
    t.match(answer.err, /1\.yaml:1: Website default\/odd: .*\.spec\.nope: field not declared in schema/);
    t.match(await run('get', 'websites'), { code: 0, err: /No resources found in default namespace/ });
  },
);

t.test('objects of a namespace that the same files bring are checked before anything is written', async (t) => {
  const { withFiles, run } = await setUp(t);
  const namespace = 'apiVersion: v1\nkind: Namespace\nmetadata: { name: fresh }\n';
  const inFresh = (name: string, more = ''): string =>
    site(name, 'one', more).replace('name:', 'namespace: fresh, name:');
  const bad = await withFiles([inFresh('b', ', replicas: 99'), namespace], 'apply', '-f', 'DIR');
  t.equal(bad.code, 1);
  t.match(bad.err, /Website fresh\/b: spec\.replicas/);
  t.match(await run('get', 'namespace', 'fresh'), { code: 1 });
  t.match(await withFiles([inFresh('b'), namespace], 'apply', '-f', 'DIR'), {
    code: 0,
    out: /namespace\/fresh created\nwebsite\.wcp\.example\/b created/,
  });
});

t.test('what a later apply with the same inventory does not hold is pruned, and only that', async (t) => {
  const { withFiles, run } = await setUp(t);
  await withFiles([site('other', 'x')], 'apply', '-f', 'DIR');
  await withFiles([site('a', 'one'), site('b', 'two')], 'apply', '-f', 'DIR', '--prune', '--inventory', 'one');
  const answer = await withFiles([site('b', 'two')], 'apply', '-f', 'DIR', '--prune', '--inventory', 'one');
  t.match(answer, { code: 0, out: 'website.wcp.example/b unchanged\nwebsite.wcp.example/a pruned\n' });
  t.equal((await run('get', 'web', '-o', 'name')).out, 'website.wcp.example/b\nwebsite.wcp.example/other\n');
  t.match(await withFiles([site('b', 'two')], 'apply', '-f', 'DIR', '--prune'), { code: 1, err: /--inventory/ });
});

t.test('what somebody else has made anew since is not pruned', async (t) => {
  const { withFiles, run } = await setUp(t);
  const prune = ['apply', '-f', 'DIR', '--prune', '--inventory', 'one'] as const;
  await withFiles([site('a', 'one'), site('b', 'two')], ...prune);
  await run('delete', 'website', 'a');
  await withFiles([site('a', 'mine')], 'apply', '-f', 'DIR', '--field-manager', 'somebody');
  const answer = await withFiles([site('b', 'two')], ...prune);
  t.match(answer, { code: 0, out: 'website.wcp.example/b unchanged\n', err: /website\.wcp\.example\/a is left/ });
  t.equal((await run('get', 'web', 'a', '-o', 'jsonpath={.spec.host}')).out, 'mine');
});

t.test('a kind and an object of it may come in one go, and are pruned in the other order', async (t) => {
  const { withFiles, run } = await setUp(t);
  const definition = JSON.stringify(websiteDefinition())
    .replaceAll('websites', 'shops')
    .replaceAll('Website', 'Shop')
    .replace('"shortNames":["web"],', '');
  const shop = site('s', 'one').replace('kind: Website', 'kind: Shop');
  const files = [shop, definition, site('a', 'one')];
  const prune = ['apply', '-f', 'DIR', '--prune', '--inventory', 'all'] as const;
  t.match(await withFiles(files, ...prune), {
    code: 0,
    out: /shops\.wcp\.example created\nshop\.wcp\.example\/s created/,
  });
  const answer = await withFiles([site('a', 'one')], ...prune);
  t.match(answer, { code: 0, out: /shop\.wcp\.example\/s pruned\n.*shops\.wcp\.example pruned/ });
  t.match(await run('get', 'websites', '-o', 'name'), { out: 'website.wcp.example/a\n' });
});

t.test('an object that is there twice is told with both places', async (t) => {
  const { withFiles } = await setUp(t);
  const answer = await withFiles([site('a', 'one'), site('a', 'two')], 'apply', '-f', 'DIR');
  t.match(answer, { code: 1, err: /1\.yaml:1: Website default\/a: is in .*0\.yaml:1, too/ });
});

t.test('get prints the server’s columns, selects by label and field, and formats objects', async (t) => {
  const { withFiles, run } = await setUp(t);
  await withFiles([site('a', 'one'), site('b', 'two').replace('tier: web', 'tier: test')], 'apply', '-f', 'DIR');
  t.match((await run('get', 'websites')).out, /^NAME   HOST\na      one\nb      two\n$/);
  t.match((await run('get', 'websites', '-A', '-L', 'tier', '--no-headers')).out, /^default   a   one   web\n/);
  t.match((await run('get', 'web', '-l', 'tier=test')).out, /^NAME   HOST\nb      two\n$/);
  t.match((await run('get', 'web', '--field-selector', 'spec.host=one', '-o', 'name')).out, 'website.wcp.example/a\n');
  t.match(parse((await run('get', 'web', 'a', '-o', 'yaml')).out), {
    kind: 'Website',
    spec: { host: 'one', replicas: 1 },
  });
  t.match(JSON.parse((await run('get', 'web', '-o', 'json')).out), {
    kind: 'List',
    items: [{ kind: 'Website' }, { kind: 'Website' }],
  });
  t.equal(
    (await run('get', 'web', '-o', 'custom-columns=N:.metadata.name,R:.spec.replicas')).out,
    'N   R\na   1\nb   1\n',
  );
  t.match((await run('get', 'web,namespaces')).out, /website\.wcp\.example\/a +one\n[^]*namespace\/default/);
  t.match(await run('get', 'pods'), { code: 1, err: /doesn't have a resource type "pods"/ });
});

t.test('an object is patched, labelled, annotated and edited, and the words say what happened', async (t) => {
  const directory = await mkdtemp(join(tmpdir(), 'editor-'));
  t.teardown(() => rm(directory, { recursive: true }));
  const editor = join(directory, 'editor.mjs');
  await writeFile(
    editor,
    `import { readFileSync, writeFileSync } from 'node:fs'; const f = process.argv[2]; writeFileSync(f, readFileSync(f, 'utf8').replace('host: two', process.env.EDIT_TO ?? 'host: three'));\n`,
  );
  const { withFiles, run } = await setUp(t, { EDITOR: `${process.execPath} ${editor}` });
  await withFiles([site('a', 'one')], 'apply', '-f', 'DIR');
  t.match(await run('patch', 'web', 'a', '-p', '{"spec":{"host":"two"}}'), {
    code: 0,
    out: 'website.wcp.example/a patched\n',
  });
  t.match(await run('patch', 'web', 'a', '-p', '{"spec":{"host":"two"}}'), {
    out: 'website.wcp.example/a patched (no change)\n',
  });
  t.match(await run('edit', 'web', 'a'), { code: 0, out: 'website.wcp.example/a edited\n' });
  t.equal((await run('get', 'web/a', '-o', 'jsonpath={.spec.host}')).out, 'three');
  t.match(await run('edit', 'web', 'a'), { code: 0, err: /cancelled/ });
  t.match(await run('label', 'web', 'a', 'color=red'), { code: 0, out: 'website.wcp.example/a labeled\n' });
  t.match(await run('label', 'web', 'a', 'color=blue'), { code: 1, err: /already has a value \(red\)/ });
  t.match(await run('label', 'web', 'a', 'color=blue', '--overwrite'), { code: 0 });
  t.match(await run('annotate', 'web', 'a', 'note=hello'), { code: 0, out: 'website.wcp.example/a annotated\n' });
  t.match(await run('label', 'web', 'a', 'color-'), { code: 0 });
  t.match(parse((await run('get', 'web', 'a', '-o', 'yaml')).out), {
    metadata: { labels: { tier: 'web' }, annotations: { note: 'hello' } },
  });
  t.match(await run('patch', 'web', 'a', '-p', '{"spec":{"replicas":12}}'), { code: 1, err: /spec\.replicas/ });
});

t.test('wait ends when the condition is there, or with 1 when its time is over', async (t) => {
  const { withFiles, run } = await setUp(t);
  await withFiles([site('a', 'one')], 'apply', '-f', 'DIR');
  t.match(await run('wait', 'web/a', '--for=condition=Ready', '--timeout', '200ms'), {
    code: 1,
    err: /timed out waiting/,
  });
  const waiting = run('wait', 'web/a', '--for=condition=Ready', '--timeout', '10s');
  await run(
    'patch',
    'web',
    'a',
    '--subresource',
    'status',
    '-p',
    '{"status":{"conditions":[{"type":"Ready","status":"True"}]}}',
  );
  t.match(await waiting, { code: 0, out: 'website.wcp.example/a condition met\n' });
  t.match(await run('wait', 'web/a', '--for=jsonpath={.spec.host}=one'), { code: 0 });
  const gone = run('wait', 'web/a', '--for=delete', '--timeout', '10s');
  t.match(await run('delete', 'web', 'a'), { code: 0, out: 'website.wcp.example "a" deleted\n' });
  t.match(await gone, { code: 0, out: 'website.wcp.example/a deleted\n' });
  t.match(await run('delete', 'web', 'a'), { code: 1, err: /not found/ });
  t.match(await run('delete', 'web', 'a', '--ignore-not-found'), { code: 0 });
  t.match(await run('delete', 'web'), { code: 1, err: /no name was specified/ });
});

t.test('describe, explain, api-resources, events, auth and version tell what they should', async (t) => {
  const { withFiles, run } = await setUp(t);
  await withFiles([site('a', 'one')], 'apply', '-f', 'DIR');
  t.match(
    (await run('describe', 'web', 'a')).out,
    /^Name: +a\nNamespace: +default\nKind: +Website\n[^]*Spec:\n  host: one\n[^]*Events:  <none>/,
  );
  t.match(
    (await run('explain', 'web.spec.host')).out,
    /GROUP: +wcp\.example\n[^]*FIELD: host <string>\n[^]*The host name\./,
  );
  t.match((await run('explain', 'web', '--recursive')).out, /spec\t<Object>\n    host\t<string>/);
  t.match(await run('explain', 'web.spec.nope'), { code: 1, err: /field "nope" does not exist/ });
  t.match(
    (await run('api-resources', '--api-group', 'wcp.example')).out,
    /^NAME +SHORTNAMES +APIVERSION +NAMESPACED +KIND\nwebsites +web +wcp\.example\/v1 +true +Website\n$/,
  );
  t.match(await run('events'), { code: 0, err: /No events found/ });
  t.match(await run('auth', 'can-i', 'create', 'websites'), { code: 0, out: 'yes\n' });
  t.match(await run('auth', 'can-i', 'create', 'websites', '--as', 'nobody'), { code: 1, out: 'no\n' });
  t.match((await run('auth', 'whoami')).out, /Username +admin/);
  t.match((await run('version')).out, /Client Version: v\S+\nServer Version: v\S+/);
  t.match((await run('__complete', '--', 'get', 'web', '')).out, /^a\n$/);
  t.match((await run('__complete', '--', 'get', 'webs')).out, /^websites\n$/);
});
