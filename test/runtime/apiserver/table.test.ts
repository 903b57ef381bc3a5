import t from 'tap';
import { columnsOf, toTable, type TableOptions } from '#runtime/apiserver/table/table.ts';
import type { Cell } from '#runtime/apiserver/table/column.ts';
import type { Column } from '#schemas/meta/kind.ts';
import type { KubeObject } from '#schemas/meta/object.ts';

const now = Date.parse('2026-01-10T00:00:00Z');
const anObject = (more: Readonly<Record<string, unknown>> = {}): KubeObject => ({
  apiVersion: 'v1',
  kind: 'K',
  metadata: { name: 'x', creationTimestamp: '2026-01-09T23:55:00Z' },
  ...more,
});
const rowOf = (group: string, resource: string, object: KubeObject): Readonly<Record<string, Cell>> => {
  const columns = columnsOf({ group, resource });
  return Object.fromEntries(columns.map((column) => [column.definition.name, column.cell(object, now)]));
};

t.test(
  'columns of a definition come after the name and hold the first value of their path in the type that they have',
  async (t) => {
    const column = (name: string, type: Column['type'], jsonPath: string): Column => ({
      name,
      type,
      jsonPath,
      description: '',
    });
    const columns = columnsOf({
      group: 'g',
      resource: 'r',
      additionalPrinterColumns: [
        column('Host', 'string', '.spec.host'),
        column('Ready', 'string', '.status.conditions[?(@.type=="Ready")].status'),
        column('Object', 'string', '.spec.o'),
        column('Count', 'integer', '.spec.n'),
        column('Wrong', 'integer', '.spec.host'),
        column('On', 'boolean', '.spec.on'),
        column('Since', 'date', '.spec.since'),
        column('Bad', 'date', '.spec.host'),
        column('None', 'string', '.spec.none'),
      ],
    });
    const object = anObject({
      spec: { host: 'h', o: { a: [1] }, n: 2.5, on: false, since: '2026-01-07T21:00:00Z' },
      status: {
        conditions: [
          { type: 'Served', status: 'False' },
          { type: 'Ready', status: 'True' },
        ],
      },
    });
    const { rows, columnDefinitions } = toTable({
      columns,
      objects: [object],
      listMeta: {},
      includeObject: 'None',
      now,
      withHeader: true,
    });
    t.same(rows, [{ cells: ['x', 'h', 'True', '{"a":[1]}', 2, null, false, '2d3h', '<invalid>', null], object: null }]);
    t.same(columnDefinitions?.[0], {
      name: 'Name',
      type: 'string',
      format: 'name',
      description: columnDefinitions?.[0]?.description,
      priority: 0,
    });
  },
);

t.test('a definition without columns shows the age', async (t) => {
  t.same(rowOf('g', 'r', anObject()), { Name: 'x', Age: '5m' });
});

t.test(
  'a row carries as much of its object as was asked for, and only the first event of a watch has a header',
  async (t) => {
    const object = anObject({ spec: {} });
    const options: TableOptions = {
      columns: columnsOf({ group: '', resource: 'x' }),
      objects: [object],
      listMeta: { resourceVersion: '5' },
      includeObject: 'Metadata',
      now,
      withHeader: false,
    };
    const table = toTable(options);
    t.equal(table.columnDefinitions, null);
    t.same(table.metadata, { resourceVersion: '5' });
    t.same(table.rows[0]?.object, {
      kind: 'PartialObjectMetadata',
      apiVersion: 'meta.k8s.io/v1',
      metadata: object.metadata,
    });
    t.equal(toTable({ ...options, includeObject: 'Object' }).rows[0]?.object, object);
    t.equal(toTable({ ...options, version: 'v1beta1' }).apiVersion, 'meta.k8s.io/v1beta1');
  },
);

t.test('built-in kinds show what kubectl shows of them', async (t) => {
  t.match(rowOf('', 'namespaces', anObject({ status: { phase: 'Active' } })), { Status: 'Active', Age: '5m' });
  t.match(rowOf('', 'secrets', anObject({ type: 'Opaque', data: { a: '', b: '' } })), { Type: 'Opaque', Data: '2' });
  t.match(rowOf('', 'configmaps', anObject({ data: { a: '' }, binaryData: { b: '' } })), { Data: '2' });
  t.match(rowOf('coordination.k8s.io', 'leases', anObject({ spec: { holderIdentity: 'me' } })), { Holder: 'me' });
  t.match(
    rowOf(
      '',
      'resourcequotas',
      anObject({
        spec: { hard: { pods: '2' } },
        status: { hard: { pods: '2', 'limits.cpu': '1' }, used: { pods: '1' } },
      }),
    ),
    {
      Request: 'pods: 1/2',
      Limit: 'limits.cpu: 0/1',
    },
  );
  t.match(
    rowOf(
      '',
      'services',
      anObject({ spec: { type: 'ExternalName', externalName: 'a.b', ports: [{ port: 443, protocol: 'TCP' }] } }),
    ),
    {
      Type: 'ExternalName',
      'Cluster-IP': '<none>',
      'External-IP': 'a.b',
      'Port(s)': '443/TCP',
    },
  );
  t.match(
    rowOf(
      'rbac.authorization.k8s.io',
      'rolebindings',
      anObject({
        roleRef: { kind: 'ClusterRole', name: 'view' },
        subjects: [
          { kind: 'User', name: 'jane' },
          { kind: 'ServiceAccount', namespace: 'n', name: 's' },
        ],
      }),
    ),
    { Role: 'ClusterRole/view', Users: 'jane', ServiceAccounts: 'n/s' },
  );
  t.match(rowOf('apiextensions.k8s.io', 'customresourcedefinitions', anObject()), {
    'Created At': '2026-01-09T23:55:00Z',
  });
  const event = {
    lastTimestamp: '2026-01-09T23:59:00Z',
    type: 'Normal',
    reason: 'Done',
    message: 'It is.\n',
    involvedObject: { kind: 'Domain', name: 'shop' },
    source: { component: 'agent' },
  };
  t.match(rowOf('', 'events', anObject(event)), {
    'Last Seen': '60s',
    Type: 'Normal',
    Reason: 'Done',
    Object: 'domain/shop',
    Message: 'It is.',
    Source: 'agent',
    Count: '1',
  });
  const newer = {
    eventTime: '2026-01-09T23:59:00.000000Z',
    regarding: { kind: 'Domain', name: 'shop' },
    note: 'It is.',
    series: { count: 3, lastObservedTime: '2026-01-09T23:59:30.000000Z' },
  };
  t.match(rowOf('events.k8s.io', 'events', anObject(newer)), {
    'Last Seen': '30s',
    'First Seen': '60s',
    Object: 'domain/shop',
    Message: 'It is.',
    Count: '3',
  });
});
