import type { KubeObject } from '#schemas/meta/object.ts';
import { ageColumn as dateColumn, column, createdAtColumn, nameColumn, type TableColumn } from './column.ts';
import { humanDuration } from '#runtime/base/duration.ts';
import { countOf, fieldText, itemsOf, nested, textOf } from './fields.ts';
import { eventColumns } from './event-columns.ts';
import { serviceColumns } from './service-columns.ts';

const WIDE = { priority: 1 } as const;
/** Kubernetes calls the age of a built-in kind a text, and that of a custom one a date. */
const ageColumn: TableColumn = { ...dateColumn, definition: { ...dateColumn.definition, type: 'string' } };

/** What kubectl shows of the built-in kinds, by group and resource. Others have a name and an age. */
export const BUILTIN_COLUMNS: Readonly<Record<string, readonly TableColumn[]>> = {
  '/namespaces': [
    nameColumn,
    column({ name: 'Status', description: 'Phase of the namespace.' }, (object) =>
      fieldText(object, 'status', 'phase'),
    ),
    ageColumn,
  ],
  '/secrets': [
    nameColumn,
    column({ name: 'Type', description: 'What the secret is for.' }, (object) => fieldText(object, 'type')),
    column({ name: 'Data', description: 'Number of keys.' }, (object) => countOf(object['data'])),
    ageColumn,
  ],
  '/configmaps': [
    nameColumn,
    column(
      { name: 'Data', description: 'Number of keys.' },
      (object) => countOf(object['data']) + countOf(object['binaryData']),
    ),
    ageColumn,
  ],
  '/serviceaccounts': [nameColumn, ageColumn],
  '/events': eventColumns,
  'events.k8s.io/events': eventColumns,
  '/services': serviceColumns,
  '/resourcequotas': [
    nameColumn,
    column({ name: 'Request', description: 'Used and allowed amounts.' }, (object) => usage(object, false)),
    column({ name: 'Limit', description: 'Used and allowed amounts of limits.' }, (object) => usage(object, true)),
    ageColumn,
  ],
  'coordination.k8s.io/leases': [
    nameColumn,
    column({ name: 'Holder', description: 'Who holds the lease.' }, (object) =>
      fieldText(object, 'spec', 'holderIdentity'),
    ),
    ageColumn,
  ],
  'certificates.k8s.io/certificatesigningrequests': certificateColumns(),
  'rbac.authorization.k8s.io/roles': [nameColumn, createdAtColumn],
  'rbac.authorization.k8s.io/clusterroles': [nameColumn, createdAtColumn],
  'rbac.authorization.k8s.io/rolebindings': bindingColumns(),
  'rbac.authorization.k8s.io/clusterrolebindings': bindingColumns(),
  'apiextensions.k8s.io/customresourcedefinitions': [nameColumn, createdAtColumn],
  'apiregistration.k8s.io/apiservices': [
    nameColumn,
    column({ name: 'Service', description: 'Service that serves the version.' }, apiServiceTarget),
    column({ name: 'Available', description: 'Whether the service answers.' }, apiServiceAvailable),
    ageColumn,
  ],
};

function usage(object: KubeObject, limits: boolean): string {
  const hard = nested(object, 'status', 'hard');
  if (typeof hard !== 'object' || hard === null) return '';
  return Object.keys(hard)
    .toSorted()
    .filter((name) => name.startsWith('limits.') === limits)
    .map((name) => `${name}: ${textOf(nested(object, 'status', 'used', name)) || '0'}/${textOf(nested(hard, name))}`)
    .join(', ');
}

function bindingColumns(): readonly TableColumn[] {
  return [
    nameColumn,
    column({ name: 'Role', description: 'The role that is bound.' }, (object) => {
      return `${textOf(nested(object, 'roleRef', 'kind'))}/${textOf(nested(object, 'roleRef', 'name'))}`;
    }),
    ageColumn,
    column({ ...WIDE, name: 'Users', description: 'Users that are bound.' }, (object) => subjects(object, 'User')),
    column({ ...WIDE, name: 'Groups', description: 'Groups that are bound.' }, (object) => subjects(object, 'Group')),
    column({ ...WIDE, name: 'ServiceAccounts', description: 'Service accounts that are bound.' }, (object) =>
      subjects(object, 'ServiceAccount'),
    ),
  ];
}

function certificateColumns(): readonly TableColumn[] {
  return [
    nameColumn,
    ageColumn,
    column({ name: 'SignerName', description: 'Who shall sign.' }, (object) => fieldText(object, 'spec', 'signerName')),
    column({ name: 'Requestor', description: 'Who asks.' }, (object) => fieldText(object, 'spec', 'username')),
    column({ name: 'RequestedDuration', description: 'How long the certificate shall be good.' }, (object) => {
      const seconds = nested(object, 'spec', 'expirationSeconds');
      return seconds === undefined ? '<none>' : humanDuration(Number(seconds) * 1000);
    }),
    column({ name: 'Condition', description: 'What became of it.' }, certificateState),
  ];
}

function certificateState(object: KubeObject): string {
  const types = itemsOf(nested(object, 'status', 'conditions')).map((condition) => nested(condition, 'type'));
  const verdict = ['Denied', 'Approved'].find((type) => types.includes(type)) ?? 'Pending';
  const failed = types.includes('Failed') ? ',Failed' : '';
  return `${verdict}${failed}${fieldText(object, 'status', 'certificate') === '' ? '' : ',Issued'}`;
}

function subjects(object: KubeObject, kind: string): string {
  return itemsOf(object['subjects'])
    .filter((subject) => nested(subject, 'kind') === kind)
    .map((subject) => {
      const name = textOf(nested(subject, 'name'));
      return kind === 'ServiceAccount' ? `${textOf(nested(subject, 'namespace'))}/${name}` : name;
    })
    .join(', ');
}

function apiServiceTarget(object: KubeObject): string {
  const name = textOf(nested(object, 'spec', 'service', 'name'));
  return name === '' ? 'Local' : `${textOf(nested(object, 'spec', 'service', 'namespace'))}/${name}`;
}

function apiServiceAvailable(object: KubeObject): string {
  const condition = itemsOf(nested(object, 'status', 'conditions')).find((one) => nested(one, 'type') === 'Available');
  const status = textOf(nested(condition, 'status')) || 'Unknown';
  return status === 'True' ? status : `${status} (${textOf(nested(condition, 'reason'))})`;
}
