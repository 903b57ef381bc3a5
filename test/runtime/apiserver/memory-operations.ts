import { randomUUID } from 'node:crypto';
import type {
  AdmissionPlugin,
  AdmissionRequest,
  Operations,
  ResourceInfo,
  UserInfo,
} from '#runtime/apiserver/operations.ts';
import { apiserverUser } from '#runtime/apiserver/auth/users.ts';
import { alreadyExists, conflict } from '#runtime/apiserver/http/api-errors.ts';
import { rfc3339 } from '#runtime/base/clock.ts';
import { isEqual } from '#runtime/base/json.ts';
import type { WatchCache } from '#runtime/storage/cache.ts';
import { openMemoryStore } from '#runtime/storage/memory/memory-store.ts';
import { decodeStored, encodeStored } from '#runtime/storage/object-codec.ts';
import { objectKey } from '#runtime/storage/object-key.ts';
import type { Store } from '#runtime/storage/store.ts';
import { startWatchCache } from '#runtime/storage/watch-cache/watch-cache.ts';
import type { KubeObject, ObjectMeta } from '#schemas/meta/object.ts';

/** A resource by the few facts that differ in tests. */
export function resourceInfo(group: string, resource: string, kind: string, namespaced = true): ResourceInfo {
  return {
    group,
    version: 'v1',
    resource,
    singular: kind.toLowerCase(),
    kind,
    listKind: `${kind}List`,
    namespaced,
    shortNames: [],
    categories: [],
    verbs: ['create', 'delete', 'deletecollection', 'get', 'list', 'patch', 'update', 'watch'],
    subresources: [],
    schema: { type: 'object' },
    collection: `${group === '' ? 'core' : group}/${resource}`,
  };
}

export const rbac = 'rbac.authorization.k8s.io';

export const testResources: readonly ResourceInfo[] = [
  resourceInfo('', 'namespaces', 'Namespace', false),
  resourceInfo('', 'secrets', 'Secret'),
  resourceInfo('', 'configmaps', 'ConfigMap'),
  resourceInfo('', 'serviceaccounts', 'ServiceAccount'),
  resourceInfo('', 'resourcequotas', 'ResourceQuota'),
  resourceInfo(rbac, 'roles', 'Role'),
  resourceInfo(rbac, 'clusterroles', 'ClusterRole', false),
  resourceInfo(rbac, 'rolebindings', 'RoleBinding'),
  resourceInfo(rbac, 'clusterrolebindings', 'ClusterRoleBinding', false),
  resourceInfo('apiextensions.k8s.io', 'customresourcedefinitions', 'CustomResourceDefinition', false),
  resourceInfo('certificates.k8s.io', 'certificatesigningrequests', 'CertificateSigningRequest', false),
  resourceInfo('wcp.example', 'websites', 'Website'),
  resourceInfo('wcp.example', 'fleets', 'Fleet', false),
];

/** Store, cache and verbs without HTTP and schemas: what authorization and life cycle work on. */
export interface World {
  readonly store: Store;
  readonly cache: WatchCache;
  readonly operations: Operations;
  /** A write as a request would make it, with admission. */
  create(object: KubeObject, options?: { readonly as?: UserInfo; readonly dryRun?: boolean }): Promise<KubeObject>;
  update(
    kind: string,
    key: Key,
    change: (live: KubeObject) => KubeObject,
    as?: UserInfo,
  ): Promise<KubeObject | undefined>;
  delete(kind: string, key: Key, policy?: 'Background' | 'Foreground' | 'Orphan'): Promise<void>;
  get(kind: string, key: Key): Promise<KubeObject | undefined>;
  use(plugins: readonly AdmissionPlugin[]): void;
  /** Ends the cache; the store stays for others. */
  close(): Promise<void>;
}

export interface Key {
  readonly namespace?: string;
  readonly name: string;
}

export async function openWorld(store: Store = openMemoryStore()): Promise<World> {
  const cache = startWatchCache({ store });
  await cache.ready;
  let plugins: readonly AdmissionPlugin[] = [];
  const infoOf = (kind: string): ResourceInfo => {
    const info = testResources.find((candidate) => candidate.kind === kind);
    if (info === undefined) throw new Error(`no resource of kind ${kind}`);
    return info;
  };
  const admit = async (request: AdmissionRequest): Promise<void> => {
    for (const plugin of plugins) await plugin.mutate?.(request);
    for (const plugin of plugins) await plugin.validate?.(request);
  };
  const verbs = createVerbs(store, admit);
  const operations: Operations = {
    resources: () => testResources,
    resource: (group, resource) => testResources.find((info) => info.group === group && info.resource === resource),
    create: (resource, object) => verbs.create(resource, object, { as: apiserverUser, dryRun: false }),
    mutate: (resource, key, change) => verbs.mutate(resource, key, change, apiserverUser),
    delete: (resource, key, options) => verbs.remove(resource, key, options),
  };
  return {
    store,
    cache,
    operations,
    create: async (object, { as = apiserverUser, dryRun = false } = {}) =>
      verbs.create(infoOf(object.kind), object, { as, dryRun }),
    update: (kind, key, change, as = apiserverUser) => verbs.mutate(infoOf(kind), spelled(key), change, as),
    delete: async (kind, key, policy) =>
      void (await operations.delete(
        infoOf(kind),
        spelled(key),
        policy === undefined ? {} : { propagationPolicy: policy },
      )),
    get: async (kind, key) => {
      await cache.sync();
      return cache.get(infoOf(kind).collection, key.namespace ?? '', key.name)?.object;
    },
    use: (used) => {
      plugins = used;
    },
    close: () => cache.close(),
  };
}

function spelled(key: Key): { readonly namespace: string; readonly name: string } {
  return { namespace: key.namespace ?? '', name: key.name };
}

type Admit = (request: AdmissionRequest) => Promise<void>;

function createVerbs(store: Store, admit: Admit) {
  const keyOf = (info: ResourceInfo, key: { readonly namespace: string; readonly name: string }): string =>
    objectKey(info.collection, info.namespaced ? key.namespace : '', key.name);
  const read = async (info: ResourceInfo, key: { readonly namespace: string; readonly name: string }) => {
    const { entry } = await store.read(keyOf(info, key));
    return entry === undefined
      ? undefined
      : { object: decodeStored(entry.key, entry.value, entry.revision).object, revision: entry.revision };
  };
  const write = async (info: ResourceInfo, object: KubeObject, revision: number): Promise<KubeObject | undefined> => {
    const { namespace = '', name } = object.metadata;
    const key = keyOf(info, { namespace, name });
    const gone = isReleased(object);
    const outcome = await store.commit({
      if: [{ key, revision }],
      ...(gone ? { delete: [key] } : { put: [{ key, value: encodeStored(object) }] }),
    });
    if (!outcome.committed) return undefined;
    return { ...object, metadata: { ...object.metadata, resourceVersion: String(outcome.revision) } };
  };
  return {
    create: async (info: ResourceInfo, object: KubeObject, by: { readonly as: UserInfo; readonly dryRun: boolean }) => {
      const created = filled(info, object);
      const { name, namespace = '' } = created.metadata;
      await admit({
        ...requestOf(info, { namespace, name }),
        operation: 'create',
        user: by.as,
        dryRun: by.dryRun,
        object: created,
        oldObject: undefined,
      });
      if (by.dryRun) return created;
      const stored = await write(info, created, 0);
      if (stored === undefined) throw alreadyExists(info, name);
      return stored;
    },
    mutate: async (
      info: ResourceInfo,
      key: { readonly namespace: string; readonly name: string },
      change: (live: KubeObject) => KubeObject | undefined,
      as: UserInfo,
    ): Promise<KubeObject | undefined> => {
      for (;;) {
        const live = await read(info, key);
        if (live === undefined) return undefined;
        const next = change(live.object);
        if (next === undefined || isEqual(next, live.object)) return live.object;
        await admit({
          ...requestOf(info, key),
          operation: 'update',
          user: as,
          dryRun: false,
          object: next,
          oldObject: live.object,
        });
        const stored = await write(info, next, live.revision);
        if (stored !== undefined) return stored;
      }
    },
    remove: async (
      info: ResourceInfo,
      key: { readonly namespace: string; readonly name: string },
      options: Parameters<Operations['delete']>[2],
    ): Promise<KubeObject | undefined> => {
      for (;;) {
        const live = await read(info, key);
        if (live === undefined) return undefined;
        const { uid, resourceVersion } = options.preconditions ?? {};
        const { metadata } = live.object;
        if (
          (uid !== undefined && uid !== metadata.uid) ||
          (resourceVersion !== undefined && resourceVersion !== metadata.resourceVersion)
        ) {
          throw conflict(info, key.name, 'the precondition does not hold');
        }
        await admit({
          ...requestOf(info, key),
          operation: 'delete',
          user: apiserverUser,
          dryRun: false,
          object: undefined,
          oldObject: live.object,
        });
        if (metadata.deletionTimestamp !== undefined) return live.object;
        const stored = await write(info, marked(live.object, options.propagationPolicy), live.revision);
        if (stored !== undefined) return stored;
      }
    },
  };
}

function requestOf(resource: ResourceInfo, key: { readonly namespace: string; readonly name: string }) {
  return { resource, subresource: '', namespace: key.namespace, name: key.name };
}

function filled(info: ResourceInfo, object: KubeObject): KubeObject {
  const metadata: ObjectMeta = { ...object.metadata, uid: randomUUID(), creationTimestamp: rfc3339(Date.now()) };
  return info.resource === 'namespaces'
    ? { ...object, metadata, spec: { finalizers: ['kubernetes'] } }
    : { ...object, metadata };
}

function marked(object: KubeObject, policy: 'Background' | 'Foreground' | 'Orphan' | undefined): KubeObject {
  const others = (object.metadata.finalizers ?? []).filter((one) => one !== 'orphan' && one !== 'foregroundDeletion');
  const own = policy === 'Orphan' ? ['orphan'] : policy === 'Foreground' ? ['foregroundDeletion'] : [];
  const finalizers = policy === undefined ? (object.metadata.finalizers ?? []) : [...others, ...own];
  return { ...object, metadata: { ...object.metadata, finalizers, deletionTimestamp: rfc3339(Date.now()) } };
}

function isReleased(object: KubeObject): boolean {
  const { deletionTimestamp, finalizers = [] } = object.metadata;
  const spec = object['spec'] as { readonly finalizers?: readonly string[] } | undefined;
  const isHeld = object.kind === 'Namespace' && (spec?.finalizers?.length ?? 0) > 0;
  return deletionTimestamp !== undefined && finalizers.length === 0 && !isHeld;
}
