import { roleBindingKind, roleKind } from '#schemas/meta/builtin.ts';
import { apiVersionOf, type KindDefinition } from '#schemas/meta/kind.ts';
import { agentAccountOf, LABELS, MANAGED_BY, SYSTEM_NAMESPACE } from '#schemas/meta/names.ts';
import type { KubeObject } from '#schemas/meta/object.ts';

const RBAC = 'rbac.authorization.k8s.io';

/** Who may read what, for whose sake. */
export interface SecretRights {
  /** Of the Role: `wcp360-zone-acme`. */
  readonly name: string;
  /** Hosts whose agents read; nobody: there are no rights. */
  readonly readers: readonly string[];
  /** Names of Secrets of the object's namespace, in the order in which the Role has them. */
  readonly secrets: readonly string[];
}

/** Lets agents of hosts read the very Secrets that an object of a tenant refers to, and no others. */
export function secretRights(
  kind: KindDefinition,
  object: Pick<KubeObject, 'metadata'>,
  { name, readers, secrets }: SecretRights,
): readonly KubeObject[] {
  if (secrets.length === 0 || readers.length === 0) return [];
  const metadata = { ...ownedMetadata(kind, object), name };
  const rules = [{ apiGroups: [''], resources: ['secrets'], resourceNames: [...secrets], verbs: ['get'] }];
  const subjects = readers
    .toSorted()
    .map((host) => ({ kind: 'ServiceAccount', name: agentAccountOf(host), namespace: SYSTEM_NAMESPACE }));
  const roleRef = { apiGroup: RBAC, kind: 'Role', name };
  return [
    { apiVersion: apiVersionOf(roleKind), kind: roleKind.kind, metadata, rules },
    { apiVersion: apiVersionOf(roleBindingKind), kind: roleBindingKind.kind, metadata, roleRef, subjects },
  ];
}

/** What a child in the namespace of a tenant's object has, beside its name: it is ours, and goes with the object. */
export function ownedMetadata(
  kind: KindDefinition,
  { metadata: { namespace = '', name, uid } }: Pick<KubeObject, 'metadata'>,
): Omit<KubeObject['metadata'], 'name'> {
  const owner = { apiVersion: apiVersionOf(kind), kind: kind.kind, name, uid: uid ?? '', controller: true };
  return {
    namespace,
    labels: { [LABELS.tenant]: namespace, [LABELS.managedBy]: MANAGED_BY },
    ...(uid === undefined ? {} : { ownerReferences: [owner] }),
  };
}
