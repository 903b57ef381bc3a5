import { apiVersionOf } from '#schemas/meta/kind.ts';
import { LABELS, MANAGED_BY } from '#schemas/meta/names.ts';
import type { KubeObject } from '#schemas/meta/object.ts';
import { parseDurationMs } from '#schemas/meta/duration.ts';
import { keptDirectory } from '#schemas/meta/tenant-tree.ts';
import { domainKind, type Domain } from '#schemas/v1alpha1/domain.ts';
import { retainedDataKind, type RetainedData } from '#schemas/v1alpha1/retained-data.ts';
import type { Cache } from '#runtime/manager/cache.ts';

/** An object of which hosts keep data. */
export interface Keepable {
  readonly kind: string;
  readonly metadata: Pick<KubeObject['metadata'], 'namespace' | 'name' | 'uid'>;
}

/** Name of the RetainedData of an object on a host. One for each life of a name: a later deletion never writes into an earlier one's. */
export function retainedNameOf(object: Keepable, host: string): string {
  return `${retainedPrefixOf(object)}${object.metadata.uid ?? ''}.${host}`;
}

/** How names of what is kept of an object begin, of all its lives. */
export function retainedPrefixOf({ kind, metadata: { namespace = '', name } }: Keepable): string {
  return `${kind.toLowerCase()}.${namespace}.${name}.`;
}

/** The host that kept it first, as its name tells: its agent may write the spec, and the leader alone the name. */
export function firstKeeperOf({ metadata: { name }, spec: { objectRef } }: RetainedData): string {
  const { kind, ...metadata } = objectRef;
  const [, ...host] = name.slice(retainedPrefixOf({ kind, metadata }).length).split('.');
  return host.join('.');
}

/** The hosts on which files of a Domain stay: the one that it was moved from, and, when it is being deleted, the one that it is on. */
export function keepingHostsOf({ metadata, spec, status }: Domain): readonly string[] {
  const isKept = metadata.deletionTimestamp !== undefined && spec.deletionPolicy === 'Retain';
  return [status?.formerHost, isKept ? status?.host : undefined].filter((host) => host !== undefined);
}

const BY_KEEPING_HOST = 'keepingHost';
const BY_OBJECT = 'object';

/** Domains by the hosts that are to keep their files. */
export const domainsByKeepingHost = {
  kind: domainKind,
  index: { name: BY_KEEPING_HOST, valuesOf: (domain: KubeObject) => keepingHostsOf(domain as Domain) },
};

/** Domains of which a host is to keep files. */
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

/** Where, as whose, and until when files are kept. */
export interface Keeping {
  readonly host: string;
  readonly accountId: number;
  /** RFC 3339; absent: for ever. */
  readonly expiresAt?: string;
}

/** The object that stands for files that a Domain leaves on a host. */
export function retainedDataOf(domain: Domain, { host, accountId, expiresAt }: Keeping): KubeObject {
  const { namespace = '', name, uid = '' } = domain.metadata;
  const path = keptDirectory('Domain', namespace, name, uid);
  return retainedObject(domain, host, { path, userId: accountId, ...(expiresAt === undefined ? {} : { expiresAt }) });
}

type Where = Pick<RetainedData['spec'], 'path' | 'userId' | 'database' | 'expiresAt'>;

/** The object that stands for what an object leaves on a host. */
export function retainedObject(object: Keepable, host: string, where: Where): KubeObject {
  const { namespace = '', name } = object.metadata;
  return {
    apiVersion: apiVersionOf(retainedDataKind),
    kind: retainedDataKind.kind,
    metadata: {
      name: retainedNameOf(object, host),
      labels: { [LABELS.tenant]: namespace, [LABELS.managedBy]: MANAGED_BY },
    },
    spec: {
      objectRef: { kind: object.kind, namespace, name },
      tenantRef: { name: namespace },
      host,
      ...where,
    },
  };
}

/** A week: by then somebody would have missed what was not copied. */
const movedForMs = 7 * 24 * 3_600_000;

/** Until when a host keeps the files of a Domain: as long as the Domain says, counted from its deletion; a copy that was left behind for a week from then. */
export function expiryOf(domain: Domain, host: string, movedAt: string | undefined): string | undefined {
  const { retainFor } = domain.spec;
  const [since, lastsMs] =
    host === domain.status?.formerHost
      ? [movedAt, movedForMs]
      : [domain.metadata.deletionTimestamp, retainFor === undefined ? undefined : parseDurationMs(retainFor)];
  return endOf(since, lastsMs);
}

/** So long after a time, RFC 3339; `undefined`: never. */
export function endOf(since: string | undefined, lastsMs: number | undefined): string | undefined {
  const sinceMs = Date.parse(since ?? '');
  if (lastsMs === undefined || Number.isNaN(sinceMs)) return undefined;
  return `${new Date(sinceMs + lastsMs).toISOString().slice(0, 19)}Z`;
}
