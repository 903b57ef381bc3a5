import t from 'tap';
import { aggregatedContentType, aggregatedDiscovery } from '#runtime/apiserver/discovery/aggregated.ts';
import { etagOf, matchesEtag } from '#runtime/apiserver/discovery/etag.ts';
import {
  legacyGroup,
  legacyGroupList,
  legacyResourceList,
  legacyVersions,
} from '#runtime/apiserver/discovery/legacy.ts';
import { compareVersions } from '#runtime/apiserver/discovery/version-order.ts';
import type { ResourceInfo } from '#runtime/apiserver/operations.ts';

const resource = (
  [group, version, name, kind]: readonly [string, string, string, string],
  more: Partial<ResourceInfo> = {},
): ResourceInfo => ({
  group,
  version,
  resource: name,
  singular: kind.toLowerCase(),
  kind,
  listKind: `${kind}List`,
  namespaced: true,
  shortNames: [],
  categories: [],
  verbs: ['delete', 'deletecollection', 'get', 'list', 'patch', 'create', 'update', 'watch'],
  subresources: [],
  schema: { type: 'object' },
  collection: `${group === '' ? 'core' : group}/${name}`,
  ...more,
});

const web = resource(['wcp.example', 'v1', 'webs', 'Web'], {
  shortNames: ['w'],
  categories: ['all'],
  subresources: [
    { name: 'status', kind: 'Web', group: 'wcp.example', version: 'v1', verbs: ['get', 'patch', 'update'] },
    { name: 'scale', kind: 'Scale', group: 'autoscaling', version: 'v1', verbs: ['get', 'patch', 'update'] },
  ],
});
const all = [
  resource(['wcp.example', 'v1beta1', 'webs', 'Web']),
  web,
  resource(['', 'v1', 'secrets', 'Secret']),
  resource(['authorization.k8s.io', 'v1', 'subjectaccessreviews', 'SubjectAccessReview'], {
    verbs: ['create'],
    namespaced: false,
  }),
];

t.test('versions are ordered as Kubernetes orders them', async (t) => {
  const versions = ['foo10', 'v1', 'v10beta3', 'v3beta1', 'v11alpha2', 'v10', 'foo1', 'v12alpha1', 'v2', 'v11beta2'];
  t.same(versions.toSorted(compareVersions), [
    'v10',
    'v2',
    'v1',
    'v11beta2',
    'v10beta3',
    'v3beta1',
    'v12alpha1',
    'v11alpha2',
    'foo1',
    'foo10',
  ]);
});

t.test('old clients find groups, versions and resources', async (t) => {
  t.same(legacyVersions(all, '127.0.0.1:6443').versions, ['v1']);
  const groups = legacyGroupList(all).groups;
  t.same(
    groups.map(({ name }) => name),
    ['authorization.k8s.io', 'wcp.example'],
  );
  t.same(legacyGroup(all, 'wcp.example'), {
    kind: 'APIGroup',
    apiVersion: 'v1',
    name: 'wcp.example',
    versions: [
      { groupVersion: 'wcp.example/v1', version: 'v1' },
      { groupVersion: 'wcp.example/v1beta1', version: 'v1beta1' },
    ],
    preferredVersion: { groupVersion: 'wcp.example/v1', version: 'v1' },
  });
  t.equal(legacyGroup(all, 'nope'), undefined);
  t.equal(legacyResourceList(all, { group: '', version: 'v2' }), undefined);
  const list = legacyResourceList(all, { group: 'wcp.example', version: 'v1' });
  t.same(
    list?.resources.map(({ name }) => name),
    ['webs', 'webs/status', 'webs/scale'],
  );
  t.match(list?.resources[0], {
    singularName: 'web',
    shortNames: ['w'],
    categories: ['all'],
    storageVersionHash: /^[A-Za-z0-9+/]{11}=$/,
  });
  t.notOk(list?.resources[1]?.group, 'a status is of the same group');
  t.match(list?.resources[2], { group: 'autoscaling', version: 'v1', kind: 'Scale' });
  t.equal(legacyResourceList(all, { group: '', version: 'v1' })?.groupVersion, 'v1');
  t.equal(
    legacyResourceList(all, { group: 'authorization.k8s.io', version: 'v1' })?.resources[0]?.storageVersionHash,
    undefined,
  );
});

t.test('aggregated discovery tells the same in one answer', async (t) => {
  const core = aggregatedDiscovery(all, 'api', 'v2');
  t.equal(core.apiVersion, 'apidiscovery.k8s.io/v2');
  t.same(
    core.items.map(({ metadata }) => metadata.name),
    [undefined],
  );
  const groups = aggregatedDiscovery(all, 'apis', 'v2beta1');
  t.equal(groups.apiVersion, 'apidiscovery.k8s.io/v2beta1');
  const own = groups.items.find(({ metadata }) => metadata.name === 'wcp.example');
  t.same(
    own?.versions.map(({ version, freshness }) => [version, freshness]),
    [
      ['v1', 'Current'],
      ['v1beta1', 'Current'],
    ],
  );
  t.same(own?.versions[0]?.resources, [
    {
      resource: 'webs',
      responseKind: { group: 'wcp.example', version: 'v1', kind: 'Web' },
      scope: 'Namespaced',
      singularResource: 'web',
      verbs: web.verbs,
      shortNames: ['w'],
      categories: ['all'],
      subresources: [
        {
          subresource: 'status',
          responseKind: { group: 'wcp.example', version: 'v1', kind: 'Web' },
          verbs: ['get', 'patch', 'update'],
        },
        {
          subresource: 'scale',
          responseKind: { group: 'autoscaling', version: 'v1', kind: 'Scale' },
          verbs: ['get', 'patch', 'update'],
        },
      ],
    },
  ]);
  t.equal(aggregatedContentType('v2'), 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList');
});

t.test('an ETag is a quoted SHA-512 and matches itself only', async (t) => {
  const etag = etagOf('{}');
  t.match(etag, /^"[0-9A-F]{128}"$/);
  t.equal(matchesEtag(etag, etag), true);
  t.equal(matchesEtag(etagOf('x'), etag), false);
  t.equal(matchesEtag(undefined, etag), false);
});
