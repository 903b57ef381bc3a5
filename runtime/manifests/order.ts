import type { Manifest } from './manifest.ts';

/** Kinds that others need, in the order in which they must exist; everything else follows in the order it was written. */
const first = [
  'CustomResourceDefinition',
  'Namespace',
  'ServiceAccount',
  'Secret',
  'ConfigMap',
  'ClusterRole',
  'Role',
  'ClusterRoleBinding',
  'RoleBinding',
  'Package',
  'Tenant',
];

/** Place of a kind among all: what it needs has a lower one. */
export function rankOf(kind: string): number {
  const place = first.indexOf(kind);
  return place === -1 ? first.length : place;
}

/** Definitions and namespaces before what lives in them; stable otherwise. */
export function inApplyOrder(manifests: readonly Manifest[]): readonly Manifest[] {
  return manifests.toSorted((a, b) => rankOf(a.object.kind) - rankOf(b.object.kind));
}
