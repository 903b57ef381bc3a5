import fc from 'fast-check';
import t from 'tap';
import type { DiscoveredResource } from '#runtime/client/discovery.ts';
import { formatEntry, inventoryOf, parseEntry, surplusOf, type InventoryEntry } from '#runtime/manifests/inventory.ts';
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
const targets = (text: string) => targetsOf(parseAll([{ file: 'f.yaml', text }]), { resources, namespace: 'acme' });

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
  const found = targets(`
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
  t.throws(() => targets(text), { name: 'ManifestError', faults } as unknown as Error);
});

t.test('a definition that is no definition makes no kind known', async (t) => {
  for (const spec of [
    '{}',
    '[]',
    '{ group: x, names: {}, versions: [] }',
    '{ group: x, names: { kind: K, plural: ks }, versions: [1] }',
  ]) {
    const text = `{ apiVersion: apiextensions.k8s.io/v1, kind: CustomResourceDefinition, metadata: { name: ks.x }, spec: ${spec} }`;
    t.equal(targets(text).length, 1, spec);
    t.throws(
      () => targets(`${text}\n---\n{ apiVersion: x/v1, kind: K, metadata: { name: k } }`),
      /no matches for kind "K"/,
    );
  }
});

t.test('files of manifests are told by their names', async (t) => {
  for (const name of ['a.yaml', 'a.yml', 'a.json']) t.ok(isManifestFile(name), name);
  for (const name of ['kustomization.yaml', 'kustomization.yml', 'README.md', 'yaml', 'a.yaml.bak'])
    t.notOk(isManifestFile(name), name);
});
