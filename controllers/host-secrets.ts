import { createHash } from 'node:crypto';
import { namespaceKind, roleBindingKind, roleKind } from '#schemas/meta/builtin.ts';
import { agentAccountOf, SYSTEM_NAMESPACE } from '#schemas/meta/names.ts';
import type { KubeObject } from '#schemas/meta/object.ts';
import { managedObject } from './managed-object.ts';

// Secrets that the leader makes for the agent of a host, of whichever tenant they tell. They are in a namespace of that host's own, all of which its agent may read:
// no tenant sees them, and none of them needs a right of its own.

const RBAC = 'rbac.authorization.k8s.io';

const prefix = 'wcp360-host-';

/** The namespace with the Secrets of a host. A host's name may be too long for a namespace, or have dots. */
export function secretsNamespaceOf(host: string): string {
  return `${prefix}${createHash('sha256').update(host).digest('hex').slice(0, 20)}`;
}

/** Whether a namespace is such a one: nobody but the leader writes there. */
export function isSecretsNamespace(name: string | undefined): boolean {
  return name?.startsWith(prefix) === true;
}

/** That namespace, and the right of the host's agent to read what is there. */
export function hostSecretsObjects(host: string): readonly KubeObject[] {
  const namespace = secretsNamespaceOf(host);
  const name = 'wcp360-agent';
  const metadata = { name, namespace };
  return [
    managedObject(namespaceKind, { name: namespace }, {}),
    managedObject(roleKind, metadata, { rules: [{ apiGroups: [''], resources: ['secrets'], verbs: ['get'] }] }),
    managedObject(roleBindingKind, metadata, {
      roleRef: { apiGroup: RBAC, kind: 'Role', name },
      subjects: [{ kind: 'ServiceAccount', name: agentAccountOf(host), namespace: SYSTEM_NAMESPACE }],
    }),
  ];
}
