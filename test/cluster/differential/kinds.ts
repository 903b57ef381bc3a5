import { builtinSchemas } from '#runtime/apiserver/builtin/schemas/index.ts';
import { metadataSchema } from '#runtime/apiserver/builtin/schemas/metadata.ts';
import { domainKind, packageKind, tenantKind } from '#schemas/index.ts';
import { rootSchemaOf } from '#schemas/meta/crd.ts';
import type { KindDefinition } from '#schemas/meta/kind.ts';
import type { Schema } from '#schemas/meta/schema.ts';
import { gadgetRow } from './gadget.ts';

type Fields = Readonly<Record<string, unknown>>;

/** A kind that both servers serve, and how to make requests for it. */
export interface ComparedKind {
  readonly kind: string;
  readonly apiVersion: string;
  readonly resource: string;
  readonly namespaced: boolean;
  readonly custom: boolean;
  /** Of the whole object, metadata included. */
  readonly schema: Schema;
  /** What makes a valid object beside its metadata. */
  readonly example: Fields;
  readonly subresources: readonly ('status' | 'scale' | 'approval' | 'finalize')[];
  /** A controller writes to its objects at times of its own, so that none of the stream's is ever stored. */
  readonly isWrittenByOthers: boolean;
  /** Its streams wait, after each write, until controllers have nothing left to do. */
  readonly isControlled: boolean;
}

type Row = Pick<ComparedKind, 'kind' | 'apiVersion' | 'resource' | 'example'> & Partial<ComparedKind>;

const rbac = 'rbac.authorization.k8s.io';
const bound = { subjects: [{ kind: 'User', name: 'jane', apiGroup: rbac }] };
const rules = [{ apiGroups: [''], resources: ['configmaps'], verbs: ['get', 'list'] }];
const about = { kind: 'ConfigMap', name: 'a', namespace: '{namespace}' };

/** Of a key that nobody kept. */
const certificateRequest =
  'LS0tLS1CRUdJTiBDRVJUSUZJQ0FURSBSRVFVRVNULS0tLS0KTUlISU1IRUNBUUF3RHpFTk1Bc0dBMVVFQXd3RWFtRnVaVEJaTUJNR0J5cUdTTTQ5QWdFR0NDcUdTTTQ5QXdFSApBMElBQkpaNDNML2c0YzJyL0IyNXN5SUhDWVVpam0vdUdJb3NLVXFhNGNra1J5eUVtWFBCeFYzeGZPb0tGbFRTCmJYVU4xSVRIYmYvcktIKzYxSThqNm45cGdDK2dBREFLQmdncWhrak9QUVFEQWdOSEFEQkVBaUJKYU9kLzc1MnAKbGZBSm9yQzFRbzNTTmIvbmRtRE0xc1RGWFBQcktQUmdEZ0lnRzBRL3JQeTRWd1JpSnE4RXhzZVB3T29wM2NoawoyYXQxSW1VOU15UmJUb1E9Ci0tLS0tRU5EIENFUlRJRklDQVRFIFJFUVVFU1QtLS0tLQo=';

const rows: readonly Row[] = [
  { kind: 'ConfigMap', apiVersion: 'v1', resource: 'configmaps', example: { data: { color: 'red', size: 'l' } } },
  { kind: 'Secret', apiVersion: 'v1', resource: 'secrets', example: { type: 'Opaque', data: { key: 'dmFsdWU=' } } },
  {
    kind: 'ServiceAccount',
    apiVersion: 'v1',
    resource: 'serviceaccounts',
    example: { secrets: [{ name: 'key' }], automountServiceAccountToken: false },
  },
  {
    kind: 'Event',
    apiVersion: 'v1',
    resource: 'events',
    example: { involvedObject: about, reason: 'Tried', message: 'It was tried.', type: 'Normal', count: 1 },
  },
  {
    kind: 'Event',
    apiVersion: 'events.k8s.io/v1',
    resource: 'events',
    example: {
      regarding: about,
      eventTime: '2020-01-01T00:00:00.000000Z',
      reason: 'Tried',
      action: 'Try',
      type: 'Normal',
      note: 'It was tried.',
      reportingController: 'test.wcp360.io/differential',
      reportingInstance: 'one',
    },
  },
  {
    kind: 'ResourceQuota',
    apiVersion: 'v1',
    resource: 'resourcequotas',
    subresources: ['status'],
    example: { spec: { hard: { 'count/configmaps': '20', secrets: 30 } } },
    isWrittenByOthers: true,
  },
  {
    kind: 'Namespace',
    apiVersion: 'v1',
    resource: 'namespaces',
    namespaced: false,
    subresources: ['status', 'finalize'],
    example: {},
    isWrittenByOthers: true,
  },
  {
    kind: 'Lease',
    apiVersion: 'coordination.k8s.io/v1',
    resource: 'leases',
    example: {
      spec: { holderIdentity: 'me', leaseDurationSeconds: 15, renewTime: '2020-01-01T00:00:00.000000Z' },
    },
  },
  { kind: 'Role', apiVersion: `${rbac}/v1`, resource: 'roles', example: { rules } },
  { kind: 'ClusterRole', apiVersion: `${rbac}/v1`, resource: 'clusterroles', namespaced: false, example: { rules } },
  {
    kind: 'RoleBinding',
    apiVersion: `${rbac}/v1`,
    resource: 'rolebindings',
    example: { ...bound, roleRef: { apiGroup: rbac, kind: 'Role', name: 'a' } },
  },
  {
    kind: 'ClusterRoleBinding',
    apiVersion: `${rbac}/v1`,
    resource: 'clusterrolebindings',
    namespaced: false,
    example: { ...bound, roleRef: { apiGroup: rbac, kind: 'ClusterRole', name: 'a' } },
  },
  {
    kind: 'CertificateSigningRequest',
    apiVersion: 'certificates.k8s.io/v1',
    resource: 'certificatesigningrequests',
    namespaced: false,
    subresources: ['status', 'approval'],
    example: { spec: { request: certificateRequest, signerName: 'test.wcp360.io/nobody', usages: ['client auth'] } },
  },
  ownRow(domainKind, { spec: { hostname: 'a.example', aliases: ['b.example'], php: { root: 'web' } } }),
  ownRow(tenantKind, { spec: { owners: [{ kind: 'User', name: 'jane' }], limits: { domains: 3 } } }),
  ownRow(packageKind, { spec: { limits: { domains: 10 } } }),
  gadgetRow,
];

function ownRow(definition: KindDefinition, example: Fields): Row {
  return {
    kind: definition.kind,
    apiVersion: `${definition.group}/${definition.version}`,
    resource: definition.plural,
    namespaced: definition.scope === 'Namespaced',
    custom: true,
    subresources: ['status'],
    schema: rootSchemaOf(definition),
    example,
  };
}

export function comparedKind(row: Row): ComparedKind {
  const group = row.apiVersion.includes('/') ? row.apiVersion : `core/${row.apiVersion}`;
  const schema = row.schema ?? builtinSchemas[`${group}/${row.kind}`];
  if (schema === undefined) throw new Error(`${row.kind} has no schema`);
  return {
    namespaced: true,
    custom: false,
    subresources: [],
    isWrittenByOthers: false,
    isControlled: false,
    ...row,
    schema: { ...schema, properties: { ...schema.properties, metadata: metadataSchema } },
  };
}

/** All kinds of the usual streams. */
export const comparedKinds: readonly ComparedKind[] = rows.map(comparedKind);

/** The name of an object that a stream calls `name`; what has no namespace bears the stream's, so that no two streams meet in it. */
export function ownName({ namespaced, kind }: ComparedKind, name: string): string {
  if (namespaced) return name;
  return kind === definitionKind ? `${name}s.{namespace}.example` : `{namespace}-${name}`;
}

/** Whether a name without a namespace is one of those of `ownName`. */
export function isOwnName(name: string, namespace: string): boolean {
  return name.startsWith(`${namespace}-`) || name.endsWith(`.${namespace}.example`);
}

/** What makes a valid object of that name beside its metadata. */
export function exampleOf({ kind, example }: ComparedKind, name: string): Fields {
  if (kind !== definitionKind) return example;
  const [plural = ''] = name.split('.');
  return JSON.parse(JSON.stringify(example).replaceAll('{plural}', plural)) as Fields;
}

const definitionKind = 'CustomResourceDefinition';

/** By which an object of a stream is known, in whatever namespace. */
export function keyOf(kind: ComparedKind, name = ''): string {
  return `${kind.apiVersion}/${kind.resource}/${name}`;
}

/** The path of a kind's collection in a namespace (everywhere when undefined). */
export function collectionPath({ apiVersion, namespaced, resource }: ComparedKind, namespace?: string): string {
  const group = apiVersion.includes('/') ? `/apis/${apiVersion}` : `/api/${apiVersion}`;
  return namespaced && namespace !== undefined
    ? `${group}/namespaces/${namespace}/${resource}`
    : `${group}/${resource}`;
}
