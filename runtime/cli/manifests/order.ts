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

/** Definitions and namespaces before what lives in them; stable otherwise. */
export function inApplyOrder(manifests: readonly Manifest[]): readonly Manifest[] {
  const rank = ({ object }: Manifest): number => {
    const place = first.indexOf(object.kind);
    return place === -1 ? first.length : place;
  };
  return manifests.toSorted((a, b) => rank(a) - rank(b));
}
