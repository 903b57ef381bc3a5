import type { LifecycleTask } from '#runtime/apiserver/lifecycle/loop.ts';
import type { Operations, ResourceInfo } from '#runtime/apiserver/operations.ts';
import { ApiError, required } from '#runtime/base/errors.ts';
import { isRecord } from '#runtime/base/json.ts';
import type { CacheEvent, WatchCache } from '#runtime/storage/cache.ts';
import type { KubeObject } from '#schemas/meta/object.ts';
import { namespaceCollection } from './task.ts';

const defaultAccount = 'default';
const rootCertificateName = 'kube-root-ca.crt';
const accountCollection = 'core/serviceaccounts';
const configMapCollection = 'core/configmaps';

export interface NamespaceDefaultsOptions {
  readonly operations: Operations;
  readonly cache: WatchCache;
  /** PEM of the CA that signed the server's certificate; no ConfigMap is made without it. */
  readonly rootCertificates: string | undefined;
}

/** Keeps a ServiceAccount `default` and a ConfigMap `kube-root-ca.crt` in every namespace that stays. */
export function namespaceDefaults(options: NamespaceDefaultsOptions): LifecycleTask {
  const { cache } = options;
  return {
    name: 'namespace-defaults',
    workers: 4,
    resync: (queue) => {
      for (const { name } of cache.list(namespaceCollection)) queue.add(name, 'later');
    },
    observe: (event, queue) => {
      const name = concernedNamespace(event);
      if (name !== undefined) queue.add(name);
    },
    work: async (name) => {
      const namespace = cache.get(namespaceCollection, '', name)?.object;
      if (namespace === undefined || namespace.metadata.deletionTimestamp !== undefined) return;
      if (cache.get(accountCollection, name, defaultAccount) === undefined) await createAccount(options, name);
      if (options.rootCertificates !== undefined) await writeRootCertificates(options, name, options.rootCertificates);
    },
  };
}

function concernedNamespace(event: CacheEvent): string | undefined {
  const { collection, namespace, name } = event.current;
  switch (collection) {
    case namespaceCollection:
      return event.type === 'added' ? name : undefined;
    case accountCollection:
      return event.type === 'deleted' && name === defaultAccount ? namespace : undefined;
    case configMapCollection:
      return name === rootCertificateName ? namespace : undefined;
    default:
      return undefined;
  }
}

async function createAccount(options: NamespaceDefaultsOptions, namespace: string): Promise<void> {
  const resource = required(options.operations.resource('', 'serviceaccounts'), 'the resource serviceaccounts');
  const metadata = { name: defaultAccount, namespace };
  await createIfWanted(options.operations, resource, { apiVersion: 'v1', kind: 'ServiceAccount', metadata });
}

async function writeRootCertificates(options: NamespaceDefaultsOptions, namespace: string, pem: string): Promise<void> {
  const { operations, cache } = options;
  const data = { 'ca.crt': pem };
  const resource = required(operations.resource('', 'configmaps'), 'the resource configmaps');
  const present = cache.get(configMapCollection, namespace, rootCertificateName)?.object;
  if (present === undefined) {
    const metadata = { name: rootCertificateName, namespace };
    await createIfWanted(operations, resource, { apiVersion: 'v1', kind: 'ConfigMap', metadata, data });
  } else if (!holds(present, pem)) {
    await operations.mutate(resource, { namespace, name: rootCertificateName }, (live) =>
      holds(live, pem) ? undefined : { ...live, data },
    );
  }
}

function holds(configMap: KubeObject, pem: string): boolean {
  return isRecord(configMap['data']) && configMap['data']['ca.crt'] === pem;
}

/** Somebody may have made it first, or the namespace may have begun to go: both leave nothing to do. */
async function createIfWanted(operations: Operations, resource: ResourceInfo, object: KubeObject): Promise<void> {
  try {
    await operations.create(resource, object);
  } catch (err) {
    const isExpected = err instanceof ApiError && (err.reason === 'AlreadyExists' || isEnding(err));
    if (!isExpected) throw err;
  }
}

function isEnding(error: ApiError): boolean {
  return error.reason === 'NotFound' || error.faults.some((fault) => fault.reason === 'NamespaceTerminating');
}
