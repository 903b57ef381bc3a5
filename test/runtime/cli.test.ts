import t from 'tap';
import { createRestMapper, objectName } from '#runtime/cli/api/rest-mapper.ts';
import type { DiscoveredResource } from '#runtime/client/discovery.ts';
import { parseSelection } from '#runtime/cli/api/selection.ts';
import { UsageError, type Io } from '#runtime/cli/io.ts';
import { ManifestError } from '#runtime/manifests/manifest.ts';
import { inApplyOrder } from '#runtime/manifests/order.ts';
import { parseManifests } from '#runtime/manifests/parse.ts';
import { formatColumns } from '#runtime/cli/output/columns.ts';
import { parseOutputFormat } from '#runtime/cli/output/printer.ts';
import { formatTable, type Table } from '#runtime/cli/output/table.ts';
import { runCli } from '#runtime/cli/program.ts';
import { clientVersion } from '#runtime/cli/commands/version.ts';
import { readFile } from 'node:fs/promises';

const resource = (part: Partial<DiscoveredResource>): DiscoveredResource => ({
  group: 'hosting.wcp360.io',
  version: 'v1alpha1',
  resource: 'domains',
  kind: 'Domain',
  namespaced: true,
  singular: 'domain',
  shortNames: ['dom'],
  categories: ['hosting'],
  verbs: ['get', 'list'],
  ...part,
});
const tenants = resource({
  resource: 'tenants',
  kind: 'Tenant',
  singular: 'tenant',
  shortNames: ['ten'],
  namespaced: false,
});
const secrets = resource({
  group: '',
  version: 'v1',
  resource: 'secrets',
  kind: 'Secret',
  singular: 'secret',
  shortNames: [],
  categories: [],
});
const domains = resource({});
const mapper = createRestMapper([secrets, domains, tenants]);

/** An Io that keeps what was written. */
function recordedIo(
  env: Readonly<Record<string, string>> = {},
): Io & { readonly written: { out: string; err: string } } {
  const written = { out: '', err: '' };
  return {
    written,
    env,
    workingDirectory: '/',
    columns: undefined,
    isInteractive: false,
    stdio: { stdin: process.stdin, stdout: process.stdout, stderr: process.stderr, terminal: undefined },
    out: (text) => void (written.out += text),
    err: (text) => void (written.err += text),
    readStdin: async () => '',
    restore: async () => Promise.reject(new Error('no store is restored here')),
    runInteractive: async () => 0,
    signal: new AbortController().signal,
  };
}

const faultsOf = async (text: string): Promise<readonly string[]> => {
  try {
    await parseManifests('shop.yaml', text);
    return [];
  } catch (err) {
    if (err instanceof ManifestError) return err.faults.map(({ source, message }) => `${source.line}: ${message}`);
    throw err;
  }
};

t.test('a resource goes by its plural, singular, short name, kind and qualified name', async (t) => {
  for (const word of [
    'domains',
    'domain',
    'dom',
    'Domain',
    'domains.hosting.wcp360.io',
    'dom.v1alpha1.hosting.wcp360.io',
  ]) {
    t.equal(mapper.named(word), domains, word);
  }
  t.throws(() => mapper.named('pods'), UsageError);
  t.throws(() => mapper.named('domains.example.org'), UsageError);
});

t.test('a category stands for all its resources, unless a resource has that name', async (t) => {
  t.same(mapper.matching('hosting'), [domains, tenants]);
  t.same(mapper.matching('secret'), [secrets]);
});

t.test('what a command line points at is read as kubectl reads it', async (t) => {
  t.same(parseSelection(mapper, ['dom']), [{ type: domains, name: undefined }]);
  t.same(parseSelection(mapper, ['dom', 'a', 'b']), [
    { type: domains, name: 'a' },
    { type: domains, name: 'b' },
  ]);
  t.same(parseSelection(mapper, ['dom/a', 'ten/b']), [
    { type: domains, name: 'a' },
    { type: tenants, name: 'b' },
  ]);
  t.same(parseSelection(mapper, ['dom,secrets']), [
    { type: domains, name: undefined },
    { type: secrets, name: undefined },
  ]);
  t.throws(() => parseSelection(mapper, ['dom/a', 'b']), UsageError);
  t.throws(() => parseSelection(mapper, []), UsageError);
  t.equal(objectName(domains, 'a'), 'domain.hosting.wcp360.io/a');
  t.equal(objectName(secrets, 'a'), 'secret/a');
});

t.test('every document of a file is read, and a List is taken apart', async (t) => {
  const text = `apiVersion: v1\nkind: Secret\nmetadata: { name: a }\n---\n# nothing here\n---\napiVersion: v1\nkind: List\nitems:\n  - { apiVersion: v1, kind: Secret, metadata: { name: b } }\n`;
  t.same(
    (await parseManifests('a.yaml', text)).map(({ object, source }) => [object.metadata.name, source.line]),
    [
      ['a', 1],
      ['b', 7],
    ],
  );
});

t.test('a fault in a manifest names its line and what is wrong', async (t) => {
  t.match(await faultsOf('apiVersion: v1\nkind: Secret\nkind: Secret\nmetadata: { name: a }\n'), [
    /^3: .*already set in map/,
  ]);
  t.same(await faultsOf('kind: Secret\nmetadata: { name: a }\n'), ['1: apiVersion: Required value']);
  t.same(await faultsOf('apiVersion: v1\nkind: Secret\nmetadata: {}\n'), ['1: Secret: metadata.name: Required value']);
  t.same(await faultsOf('- a\n'), ['1: a manifest is a mapping with apiVersion, kind and metadata']);
  t.equal((await faultsOf('a: [\n')).length, 1);
});

t.test('all faults of a file are told at once', async (t) => {
  t.equal((await faultsOf('kind: A\n---\nkind: B\n---\napiVersion: v1\nkind: C\nmetadata: { name: ok }\n')).length, 2);
});

t.test('an alias bomb is refused', async (t) => {
  const bomb = [
    'a: &a [x,x,x,x,x,x,x,x,x]',
    ...Array.from(
      { length: 8 },
      (_, n) => `${'bcdefghi'[n]}: &${'bcdefghi'[n]} [${Array(9).fill(`*${'abcdefgh'[n]}`).join(',')}]`,
    ),
  ];
  t.match(await faultsOf(bomb.join('\n')), [/aliases/]);
});

t.test('what others need is applied first, and the order of the files stands otherwise', async (t) => {
  const manifests = ['Domain', 'Tenant', 'Namespace', 'Domain'].map((kind, index) => ({
    source: { file: 'a', line: index },
    object: { apiVersion: 'v1', kind, metadata: { name: String(index) } },
  }));
  t.same(
    inApplyOrder(manifests).map(({ object }) => object.metadata.name),
    ['2', '1', '0', '3'],
  );
});

const table: Table = {
  kind: 'Table',
  metadata: {},
  columnDefinitions: [
    { name: 'Name', type: 'string', priority: 0 },
    { name: 'Ready', type: 'string', priority: 0 },
    { name: 'Reason', type: 'string', priority: 1 },
  ],
  rows: [
    {
      cells: ['shop', null, 'a\nb'],
      object: { apiVersion: 'v1', kind: 'X', metadata: { name: 'shop', namespace: 'acme', labels: { tier: 'web' } } },
    },
  ],
};
const plain = { wide: false, withNamespace: false, showLabels: false, labelColumns: [], noHeaders: false };

t.test('a table shows columns by priority, and a control character never reaches the terminal', async (t) => {
  t.equal(formatTable(table, plain), 'NAME   READY\nshop\n');
  t.equal(formatTable(table, { ...plain, wide: true }), 'NAME   READY   REASON\nshop           a b\n');
  t.equal(
    formatTable(table, { ...plain, withNamespace: true, showLabels: true, labelColumns: ['tier'] }),
    'NAMESPACE   NAME   READY   TIER   LABELS\nacme        shop           web    tier=web\n',
  );
  t.equal(formatColumns([['a', 'b']]), 'a   b\n');
});

t.test('objects print as yaml, json, names, json paths and columns of one’s own', async (t) => {
  const object = { apiVersion: 'v1', kind: 'Secret', metadata: { name: 'a', managedFields: [] } };
  const print = (format: string): string => {
    const parsed = parseOutputFormat(format, { showManagedFields: false });
    return parsed.type === 'objects'
      ? parsed.print({ objects: [object], asList: false, nameOf: () => 'secret/a' })
      : '';
  };
  t.equal(print('yaml'), 'apiVersion: v1\nkind: Secret\nmetadata:\n  name: a\n');
  t.same(JSON.parse(print('json')), { apiVersion: 'v1', kind: 'Secret', metadata: { name: 'a' } });
  t.equal(print('name'), 'secret/a\n');
  t.equal(print('jsonpath={.metadata.name}'), 'a');
  t.equal(print('custom-columns=NAME:.metadata.name,NONE:.spec.x'), 'NAME   NONE\na      <none>\n');
  t.throws(() => parseOutputFormat('xml', { showManagedFields: false }), UsageError);
});

t.test('an unknown command or flag is told with what was perhaps meant, and ends with 1', async (t) => {
  for (const [words, told] of [
    [['gett'], /Did you mean get/],
    [['get', '--wach'], /Did you mean --watch/],
    [['apply'], /required option.*--filename/],
  ] as const) {
    const io = recordedIo();
    t.equal(await runCli(words, io), 1);
    t.match(io.written.err, told);
  }
});

t.test('without a kubeconfig the message says which file is missing', async (t) => {
  const io = recordedIo({ KUBECONFIG: '/nowhere/config' });
  t.equal(await runCli(['get', 'domains'], io), 1);
  t.match(io.written.err, /\/nowhere\/config/);
});

t.test('completion scripts are there for bash, zsh and fish', async (t) => {
  for (const shell of ['bash', 'zsh', 'fish']) {
    const io = recordedIo();
    t.equal(await runCli(['completion', shell], io), 0);
    t.match(io.written.out, /__complete/);
  }
  const io = recordedIo();
  t.equal(await runCli(['__complete', '--', 'tenant', 're'], io), 0);
  t.equal(io.written.out, 'resume\n');
});

t.test('the version that wcpctl tells is that of package.json', async (t) => {
  const { version } = JSON.parse(await readFile('package.json', 'utf8')) as { version: string };
  t.equal(clientVersion, version);
});
