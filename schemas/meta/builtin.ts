import { defineKind } from './kind.ts';

/** Kubernetes' own kinds that controllers read or make. Their schemas belong to the server; only what we read is typed. */

const anything = { type: 'object', description: 'Defined by Kubernetes.' } as const;

const builtin = {
  shortNames: [],
  categories: [],
  description: 'Built into Kubernetes.',
  spec: anything,
  status: anything,
  columns: [],
} as const;

export const namespaceKind = defineKind({
  ...builtin,
  group: '',
  version: 'v1',
  kind: 'Namespace',
  plural: 'namespaces',
  singular: 'namespace',
  scope: 'Cluster',
});

/** Watched as metadata only: resourceVersions make a rotation visible, values stay with those who use them. */
export const secretKind = defineKind({
  ...builtin,
  group: '',
  version: 'v1',
  kind: 'Secret',
  plural: 'secrets',
  singular: 'secret',
  scope: 'Namespaced',
});

export const resourceQuotaKind = defineKind({
  ...builtin,
  group: '',
  version: 'v1',
  kind: 'ResourceQuota',
  plural: 'resourcequotas',
  singular: 'resourcequota',
  scope: 'Namespaced',
});

export const certificateSigningRequestKind = defineKind({
  ...builtin,
  group: 'certificates.k8s.io',
  version: 'v1',
  kind: 'CertificateSigningRequest',
  plural: 'certificatesigningrequests',
  singular: 'certificatesigningrequest',
  scope: 'Cluster',
});

export const roleKind = defineKind({
  ...builtin,
  group: 'rbac.authorization.k8s.io',
  version: 'v1',
  kind: 'Role',
  plural: 'roles',
  singular: 'role',
  scope: 'Namespaced',
});

export const roleBindingKind = defineKind({
  ...builtin,
  group: 'rbac.authorization.k8s.io',
  version: 'v1',
  kind: 'RoleBinding',
  plural: 'rolebindings',
  singular: 'rolebinding',
  scope: 'Namespaced',
});

export const clusterRoleKind = defineKind({
  ...builtin,
  group: 'rbac.authorization.k8s.io',
  version: 'v1',
  kind: 'ClusterRole',
  plural: 'clusterroles',
  singular: 'clusterrole',
  scope: 'Cluster',
});

export const clusterRoleBindingKind = defineKind({
  ...builtin,
  group: 'rbac.authorization.k8s.io',
  version: 'v1',
  kind: 'ClusterRoleBinding',
  plural: 'clusterrolebindings',
  singular: 'clusterrolebinding',
  scope: 'Cluster',
});

/** That somebody holds something, and lives. */
export const leaseKind = defineKind({
  ...builtin,
  group: 'coordination.k8s.io',
  version: 'v1',
  kind: 'Lease',
  plural: 'leases',
  singular: 'lease',
  scope: 'Namespaced',
});
