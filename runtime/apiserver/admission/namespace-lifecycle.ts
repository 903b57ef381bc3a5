import { freshObject } from '#runtime/apiserver/auth/fresh-object.ts';
import { fault, forbidden, notFound } from '#runtime/apiserver/http/api-errors.ts';
import type { AdmissionPlugin, AdmissionRequest } from '#runtime/apiserver/operations.ts';
import type { WatchCache } from '#runtime/storage/cache.ts';

const namespaceCollection = 'core/namespaces';
const namespaceResource = { group: '', resource: 'namespaces', kind: 'Namespace' };
/** Every cluster has them, and tools rely on it. */
const immortal: ReadonlySet<string> = new Set(['default', 'kube-system', 'kube-public']);

/**
 * Nothing is made in a namespace that is not there (404) or is going (403, cause NamespaceTerminating), and the first namespaces stay.
 * Updates and deletions are let pass: what is in a namespace that goes must be able to go.
 */
export function createNamespaceLifecyclePlugin(options: { readonly cache: WatchCache }): AdmissionPlugin {
  const { cache } = options;
  return {
    name: 'NamespaceLifecycle',
    // Before anything else is found wrong with the object.
    mutate: async (request) => {
      if (request.operation === 'create' && request.resource.namespaced && request.subresource === '')
        await checkNamespace(cache, request);
      return undefined;
    },
    validate: (request) => {
      if (isNamespace(request) && request.operation === 'delete' && immortal.has(request.name))
        throw forbidden(request.resource, request.name, 'this namespace may not be deleted');
      return Promise.resolve();
    },
  };
}

function isNamespace(request: AdmissionRequest): boolean {
  return request.resource.collection === namespaceCollection;
}

async function checkNamespace(cache: WatchCache, request: AdmissionRequest): Promise<void> {
  const { namespace } = request;
  const found = await freshObject(cache, { collection: namespaceCollection, namespace: '', name: namespace });
  if (found === undefined) throw notFound(namespaceResource, namespace);
  if (found.metadata.deletionTimestamp === undefined) return;
  const why = `unable to create new content in namespace ${namespace} because it is being terminated`;
  const cause = fault('metadata.namespace', 'NamespaceTerminating', `namespace ${namespace} is being terminated`);
  throw forbidden(request.resource, request.name, why, [cause]);
}
