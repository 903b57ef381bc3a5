import { apiVersionOf } from '#schemas/meta/kind.ts';
import { LABELS, MANAGED_BY } from '#schemas/meta/names.ts';
import type { KubeObject } from '#schemas/meta/object.ts';
import { parseDurationMs } from '#schemas/meta/duration.ts';
import { keptDirectory } from '#schemas/meta/tenant-tree.ts';
import { retainedDataKind } from '#schemas/v1alpha1/retained-data.ts';
import type { Domain } from '#schemas/v1alpha1/domain.ts';

/** Name of the RetainedData of a Domain. One for each life of a name: a later deletion never writes into an earlier one's. */
export function retainedNameOf(namespace: string, name: string, uid: string): string {
  return `domain.${namespace}.${name}.${uid}`;
}

/** The object that stands for a deleted Domain's files; its end is counted from the deletion. */
export function retainedDataOf(domain: Domain, hostName: string, accountId: number): KubeObject {
  const { namespace = '', name, uid = '' } = domain.metadata;
  const expiresAt = expiryOf(domain);
  return {
    apiVersion: apiVersionOf(retainedDataKind),
    kind: retainedDataKind.kind,
    metadata: {
      name: retainedNameOf(namespace, name, uid),
      labels: { [LABELS.tenant]: namespace, [LABELS.managedBy]: MANAGED_BY },
    },
    spec: {
      objectRef: { kind: 'Domain', namespace, name },
      tenantRef: { name: namespace },
      host: hostName,
      path: keptDirectory('Domain', namespace, name, uid),
      userId: accountId,
      ...(expiresAt === undefined ? {} : { expiresAt }),
    },
  };
}

function expiryOf(domain: Domain): string | undefined {
  const { retainFor } = domain.spec;
  const deletedAt = Date.parse(domain.metadata.deletionTimestamp ?? '');
  const lastsMs = retainFor === undefined ? undefined : parseDurationMs(retainFor);
  if (lastsMs === undefined || Number.isNaN(deletedAt)) return undefined;
  return `${new Date(deletedAt + lastsMs).toISOString().slice(0, 19)}Z`;
}
