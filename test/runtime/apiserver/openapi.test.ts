import t from 'tap';
import { createOpenApi } from '#runtime/apiserver/openapi/openapi.ts';
import type { ResourceInfo, Verb } from '#runtime/apiserver/operations.ts';
import type { Schema } from '#schemas/meta/schema.ts';

const verbs: readonly Verb[] = ['delete', 'deletecollection', 'get', 'list', 'patch', 'create', 'update', 'watch'];
const schema: Schema = {
  type: 'object',
  description: 'A site.',
  properties: {
    metadata: { type: 'object' },
    spec: {
      type: 'object',
      required: ['host'],
      properties: {
        host: { type: 'string', description: 'Its name.', default: 'x' },
        port: { 'x-kubernetes-int-or-string': true, anyOf: [{ type: 'integer' }, { type: 'string' }] },
        open: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true, properties: { a: { type: 'string' } } },
        maybe: { type: 'string', nullable: true },
        child: { type: 'object', 'x-kubernetes-embedded-resource': true, properties: { spec: { type: 'object' } } },
      },
      'x-kubernetes-validations': [{ rule: 'self.host != ""' }],
    },
  },
};
const web: ResourceInfo = {
  group: 'hosting.wcp.example',
  version: 'v1',
  resource: 'webs',
  singular: 'web',
  kind: 'Web',
  listKind: 'WebList',
  namespaced: true,
  shortNames: [],
  categories: [],
  verbs,
  subresources: [
    { name: 'status', kind: 'Web', group: 'hosting.wcp.example', version: 'v1', verbs: ['get', 'patch', 'update'] },
    { name: 'scale', kind: 'Scale', group: 'autoscaling', version: 'v1', verbs: ['get', 'patch', 'update'] },
  ],
  schema,
  collection: 'hosting.wcp.example/webs',
};
const namespace: ResourceInfo = {
  ...web,
  group: '',
  resource: 'namespaces',
  singular: 'namespace',
  kind: 'Namespace',
  listKind: 'NamespaceList',
  namespaced: false,
  subresources: [],
  collection: 'core/namespaces',
};

type Tree = { readonly [key: string]: Tree } & readonly Tree[];
const read = (body: Buffer | undefined): Tree => JSON.parse(body?.toString() ?? 'null') as Tree;
const at = (tree: Tree | undefined, ...keys: readonly string[]): Tree | undefined =>
  keys.reduce<Tree | undefined>((node, key) => node?.[key], tree);
const key = 'apis/hosting.wcp.example/v1';
const collection = `/${key}/namespaces/{namespace}/webs`;

t.test('the index names a document for each group and version by its hash', async (t) => {
  const documents = createOpenApi('1.0')([web, namespace]);
  const index = read(documents.index().body);
  t.same(Object.keys(index['paths'] ?? {}), ['api/v1', key]);
  t.equal(at(index, 'paths', key, 'serverRelativeURL'), `/openapi/v3/${key}?hash=${documents.document(key)?.hash}`);
  t.equal(documents.document('apis/none/v1'), undefined);
});

t.test('kubectl finds server-side field validation in a patch operation of its kind', async (t) => {
  const document = read(createOpenApi('1.0')([web]).document(key)?.body);
  const patch = at(document, 'paths', `${collection}/{name}`, 'patch');
  t.same(patch?.['x-kubernetes-group-version-kind'], { group: 'hosting.wcp.example', version: 'v1', kind: 'Web' });
  t.equal(patch?.['x-kubernetes-action'], 'patch');
  const parameters = patch?.['parameters'] as unknown as readonly { readonly name: string; readonly in: string }[];
  for (const name of ['fieldValidation', 'dryRun', 'fieldManager', 'force']) {
    t.ok(
      parameters.some((parameter) => parameter.name === name && parameter.in === 'query'),
      name,
    );
  }
});

t.test('a version 3 document has every path, an unstripped schema, and no reference that leads nowhere', async (t) => {
  const text = createOpenApi('1.0')([web]).document(key)?.body.toString() ?? '';
  const document = JSON.parse(text) as Tree;
  t.same(Object.keys(document['paths'] ?? {}), [
    collection,
    `/${key}/webs`,
    `${collection}/{name}`,
    `${collection}/{name}/status`,
    `${collection}/{name}/scale`,
  ]);
  const schemas = at(document, 'components', 'schemas') ?? {};
  const kind = at(document, 'components', 'schemas', 'example.wcp.hosting.v1.Web');
  t.same(kind?.['x-kubernetes-group-version-kind'], [{ group: 'hosting.wcp.example', version: 'v1', kind: 'Web' }]);
  t.same(at(kind, 'properties', 'metadata', 'allOf'), [
    { $ref: '#/components/schemas/io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta' },
  ]);
  t.same(at(kind, 'properties', 'spec', 'x-kubernetes-validations'), [{ rule: 'self.host != ""' }]);
  t.equal(at(kind, 'properties', 'spec', 'properties', 'maybe', 'nullable'), true);
  t.ok(at(kind, 'properties', 'spec', 'properties', 'child', 'properties', 'apiVersion'));
  for (const [, name] of text.matchAll(/"#\/components\/schemas\/([^"]+)"/g))
    t.ok(Object.hasOwn(schemas, name ?? ''), name ?? '');
});

t.test('a version 2 document is complete and leaves open what it cannot say', async (t) => {
  const text = createOpenApi('1.0')([web, namespace]).v2Json().body.toString();
  const document = JSON.parse(text) as Tree;
  const definitions = document['definitions'] ?? {};
  t.ok(Object.hasOwn(definitions, 'io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta'));
  t.ok(Object.hasOwn(definitions, 'io.k8s.api.core.v1.Namespace'));
  const spec = at(document, 'definitions', 'example.wcp.hosting.v1.Web', 'properties', 'spec', 'properties');
  t.same(spec?.['open'], { 'x-kubernetes-preserve-unknown-fields': true });
  t.same(spec?.['port'], { 'x-kubernetes-int-or-string': true });
  t.same(spec?.['maybe'], {});
  for (const [, name] of text.matchAll(/"#\/definitions\/([^"]+)"/g))
    t.ok(Object.hasOwn(definitions, name ?? ''), name ?? '');
  for (const word of ['anyOf', 'nullable', 'x-kubernetes-validations']) t.notOk(text.includes(word), word);
});

t.test('documents are kept as long as the resources are the same, and change with them', async (t) => {
  const openApi = createOpenApi('1.0');
  const first = openApi([web, namespace]);
  const second = openApi([{ ...web, schema: { type: 'object' } }, namespace]);
  t.equal(second.document('api/v1'), first.document('api/v1'));
  t.not(second.document(key)?.hash, first.document(key)?.hash);
  t.not(second.index().etag, first.index().etag);
  t.equal(first.v2Protobuf().body.length, 0);
});
