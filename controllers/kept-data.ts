import { apiVersionOf } from '#schemas/meta/kind.ts';
import { LABELS, MANAGED_BY } from '#schemas/meta/names.ts';
import type { KubeObject } from '#schemas/meta/object.ts';
import { parseDurationMs } from '#schemas/meta/duration.ts';
import { keptDirectory } from '#schemas/meta/tenant-tree.ts';
import { domainKind, type Domain } from '#schemas/v1alpha1/domain.ts';
import { retainedDataKind, type RetainedData } from '#schemas/v1alpha1/retained-data.ts';
import type { Cache } from '#runtime/manager/cache.ts';

/** Name of the RetainedData of a Domain. One for each life of a name: a later deletion never writes into an earlier one's. */
export function retainedNameOf(namespace: string, name: string, uid: string): string {
  return `domain.${namespace}.${name}.${uid}`;
}

/** The host of a Domain that is being deleted, and whose files stay there. */
export function keepingHostOf({ metadata, spec, status }: Domain): string | undefined {
  return metadata.deletionTimestamp !== undefined && spec.deletionPolicy === 'Retain' ? status?.host : undefined;
}

const BY_KEEPING_HOST = 'keepingHost';
const BY_OBJECT = 'object';

/** Domains by the host that is to keep their files. */
export const domainsByKeepingHost = {
  kind: domainKind,
  index: {
    name: BY_KEEPING_HOST,
    valuesOf: (domain: KubeObject) => [keepingHostOf(domain as Domain)].filter((host) => host !== undefined),
  },
};

export function leavingDomainsOn(host: string, cache: Cache): readonly Domain[] {
  return cache.byIndex(domainKind, BY_KEEPING_HOST, host);
}

/** Kept data by the object that it belonged to. */
export const keptByObject = {
  kind: retainedDataKind,
  index: { name: BY_OBJECT, valuesOf: (kept: KubeObject) => [referenceText((kept as RetainedData).spec.objectRef)] },
};

type Reference = RetainedData['spec']['objectRef'];

/** What is kept of an object, of all its lives. */
export function keptForObject(object: Reference, cache: Cache): readonly RetainedData[] {
  return cache.byIndex(retainedDataKind, BY_OBJECT, referenceText(object));
}

function referenceText({ kind, namespace, name }: Reference): string {
  return `${kind}/${namespace}/${name}`;
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
