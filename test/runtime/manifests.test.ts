import fc from 'fast-check';
import t from 'tap';
import type { DiscoveredResource } from '#runtime/client/discovery.ts';
import { formatEntry, inventoryOf, parseEntry, surplusOf, type InventoryEntry } from '#runtime/manifests/inventory.ts';
import type { ManifestError } from '#runtime/manifests/manifest.ts';
import { isManifestFile, parseAll } from '#runtime/manifests/parse.ts';
import { targetsOf } from '#runtime/manifests/target.ts';

const resource = (group: string, kind: string, namespaced: boolean): DiscoveredResource => ({
  ...{ group, version: 'v1', resource: `${kind.toLowerCase()}s`, kind, namespaced },
  ...{ singular: kind.toLowerCase(), shortNames: [], categories: [], verbs: [] },
});
const resources = [
  resource('', 'Namespace', false),
  resource('', 'Secret', true),
  resource('a.example', 'Thing', true),
  resource('b.example', 'Thing', true),
  resource('apiextensions.k8s.io', 'CustomResourceDefinition', false),
];
const targets = async (text: string) =>
  targetsOf(await parseAll([{ file: 'f.yaml', text }]), { resources, namespace: 'acme' });

const word = fc.stringMatching(/^[a-z0-9]([a-z0-9.:-]{0,20}[a-z0-9])?$/);
const entries: fc.Arbitrary<InventoryEntry> = fc.record(
  {
    group: fc.oneof(fc.constant(''), fc.constantFrom('a.example', 'hosting.wcp360.io')),
    kind: fc.constantFrom('Thing', 'Namespace', 'Tenant', 'Secret'),
    namespace: word,
    name: word,
  },
  { requiredKeys: ['group', 'kind', 'name'] },
);

t.test('an entry of an inventory is read as it was written', async (t) => {
  fc.assert(fc.property(entries, (entry) => void t.same(parseEntry(formatEntry(entry)), entry)));
  for (const text of ['', 'Thing', '/x', 'Thing/', 'Thing/a/b/c']) t.equal(parseEntry(text), undefined, text);
});

t.test('what goes is what stands in the inventory and is not wanted, what others need last', async (t) => {
  fc.assert(
    fc.property(
      fc.uniqueArray(entries.map(formatEntry)),
      fc.uniqueArray(entries.map(formatEntry)),
      (stored, wanted) => {
        const going = surplusOf([...stored, ...stored], wanted).map(formatEntry);
        t.same(going.toSorted(), stored.filter((entry) => !wanted.includes(entry)).toSorted());
      },
    ),
  );
  const stored = ['Namespace/acme', 'Tenant.hosting.wcp360.io/acme', 'Thing.a.example/acme/x', 'Secret/acme/y'];
  t.same(surplusOf(stored, []).map(formatEntry), [stored[2], stored[1], stored[3], stored[0]]);
});

t.test('objects are applied in order of need, each in its namespace', async (t) => {
  const found = await targets(`
{ apiVersion: a.example/v1, kind: Thing, metadata: { name: x } }
---
{ apiVersion: b.example/v1, kind: Thing, metadata: { name: x, namespace: acme } }
---
{ apiVersion: v1, kind: Namespace, metadata: { name: acme } }
`);
  t.same(inventoryOf(found), ['Namespace/acme', 'Thing.a.example/acme/x', 'Thing.b.example/acme/x']);
});

t.test('every fault is told with its place', async (t) => {
  const faults = [
    { source: { file: 'f.yaml', line: 2 }, message: /no matches for kind "Nothing"/ },
    { source: { file: 'f.yaml', line: 4 }, message: /metadata\.name: Required value/ },
  ];
  const text = `
{ apiVersion: c.example/v1, kind: Nothing, metadata: { name: x } }
---
{ apiVersion: v1, kind: Secret, metadata: { generateName: x } }
`;
  await t.rejects(targets(text), { name: 'ManifestError', faults } as unknown as Error);
});

t.test('a definition that is no definition makes no kind known', async (t) => {
  for (const spec of [
    '{}',
    '[]',
    '{ group: x, names: {}, versions: [] }',
    '{ group: x, names: { kind: K, plural: ks }, versions: [1] }',
  ]) {
    const text = `{ apiVersion: apiextensions.k8s.io/v1, kind: CustomResourceDefinition, metadata: { name: ks.x }, spec: ${spec} }`;
    t.equal((await targets(text)).length, 1, spec);
    await t.rejects(
      targets(`${text}\n---\n{ apiVersion: x/v1, kind: K, metadata: { name: k } }`),
      /no matches for kind "K"/,
    );
  }
});

const thing = (name: string, more = ''): string =>
  `apiVersion: a.example/v1\nkind: Thing\nmetadata:\n  name: ${name}\n${more}`;
const faultsOf = async (...texts: readonly string[]): Promise<readonly string[]> =>
  parseAll(texts.map((text, index) => ({ file: `${index}.yaml`, text }))).then(
    () => [],
    ({ faults }: ManifestError) => faults.map(({ source, message }) => `${source.line}: ${message}`),
  );

t.test('what costs more than its length is refused with its line, and the other documents are looked at', async (t) => {
  const cases: readonly (readonly [string, string, string])[] = [
    ['a key within keys', `spec:\n  ${'? '.repeat(480)}a\n`, 'a list or mapping may not be a key'],
    ['nesting', `spec: ${'['.repeat(50_000)}\n`, 'exceeded max depth'],
    ['many aliases', `spec:\n- &a x\n${'- *a\n'.repeat(1_001)}`, 'there are more than 1000 aliases'],
    [
      'a large alias',
      `spec:\n- &a [${'x,'.repeat(5_000)}]\n${'- *a\n'.repeat(3)}`,
      'aliases and merges repeat more than 10000 nodes',
    ],
    [
      'merges within merges',
      `spec: ${'{<<: '.repeat(400)}{${Array.from({ length: 9_000 }, (_, n) => `k${n}: 1`).join()}}${'}'.repeat(400)}\n`,
      'aliases and merges repeat more than 10000 nodes',
    ],
    ['an alias of itself', 'spec: &a [*a]\n', 'the alias *a stands within what it stands for'],
    ['an alias of nothing', 'spec: *a\n', 'the alias *a stands for nothing before it'],
    ['a merge of a text', 'spec:\n  <<: text\n', 'Merge sources must be maps or map aliases'],
    ['a long document', `spec: [${'a,'.repeat(100_000)}]\n`, 'the document has more than 200000 tokens'],
  ];
  for (const [why, spec, message] of cases) {
    const faults = await faultsOf(thing('x', spec), 'kind: Thing\n');
    t.equal(faults.length, 2, why);
    t.equal(faults[0]?.replace(/^\d+: (Thing x: )?/, ''), message, why);
    t.equal(faults[1], '1: apiVersion: Required value', why);
  }
});

t.test('aliases, merges and keys of any scalar are read', async (t) => {
  const spec =
    'spec:\n  one: &one { a: 1, b: [x, z] }\n  &k key: { <<: *one, b: 2 }\n  list: [*one, *one]\n  1: x\n  *k : again\n';
  const [manifest] = await parseAll([{ file: 'f.yaml', text: thing('x', spec.replace('*k ', 'other')) }]);
  const one = { a: 1, b: ['x', 'z'] };
  t.same(manifest?.object['spec'], { one, key: { a: 1, b: 2 }, list: [one, one], 1: 'x', other: 'again' });
  t.same(await faultsOf(thing('x', spec)), ['10: Thing x: spec.key: key "key" already set in map']);
});

t.test('times and dates in manifests stay text, as kubectl has it', async (t) => {
  const [manifest] = await parseAll([
    { file: 'f.yaml', text: thing('x', 'spec: [12:30, 2001-01-01, 1:11:11, yes]\n') },
  ]);
  t.same(manifest?.object['spec'], ['12:30', '2001-01-01', '1:11:11', true]);
});

t.test('of many faults a hundred are told', async (t) => {
  const twice = thing('x', `spec:\n${'  k: 1\n'.repeat(24_000)}`);
  t.same((await faultsOf(twice)).slice(0, 2), [
    '7: Thing x: spec.k: key "k" already set in map',
    '8: Thing x: spec.k: key "k" already set in map',
  ]);
  const broken = thing('x', `spec: [${','.repeat(100_000)}]\n`);
  for (const text of [twice, broken, 'a: 1\n---\n'.repeat(10_000)]) t.equal((await faultsOf(text, text)).length, 100);
});

t.test('others have their turn while many documents are read', async (t) => {
  let turns = 0;
  const timer = setInterval(() => void (turns += 1), 1);
  const text = Array.from({ length: 100 }, (_, n) => thing(`x${n}`, `spec: [${'a, '.repeat(200)}]`)).join('\n---\n');
  t.equal((await parseAll([{ file: 'f.yaml', text }])).length, 100);
  clearInterval(timer);
  t.ok(turns > 1);
});

t.test('files of manifests are told by their names', async (t) => {
  for (const name of ['a.yaml', 'a.yml', 'a.json']) t.ok(isManifestFile(name), name);
  for (const name of ['kustomization.yaml', 'kustomization.yml', 'README.md', 'yaml', 'a.yaml.bak'])
    t.notOk(isManifestFile(name), name);
});
