import { ApiError, BugError } from '#runtime/base/errors.ts';
import { apiserverUser } from '#runtime/apiserver/auth/users.ts';
import type { Operations, ResourceInfo } from '#runtime/apiserver/operations.ts';
import type { Resource } from '#runtime/apiserver/registry/resource.ts';
import type { KubeObject } from '#schemas/meta/object.ts';
import { acceptObject } from './accept-object.ts';
import type { VerbContext } from './context.ts';
import { createObject } from './create-object.ts';
import { deleteObject, deletionAnswer } from './delete-object.ts';
import { settleWrite } from './settle-write.ts';
import { updateObject } from './update-object.ts';
import type { WriteRequest } from './write-request.ts';

/** Under which name the server's own writes stand in managedFields. */
const manager = 'wcp360-apiserver';

/** The verbs for the server's own use: the same checks as for requests, without HTTP and without authorization. */
export function createOperations(context: () => VerbContext): Operations {
  const resourceOf = (info: ResourceInfo): Resource => {
    const { registry } = context();
    const found =
      registry.lookup(info.group, info.version, info.resource) ?? registry.preferred(info.group, info.resource);
    if (found !== undefined) return found;
    throw new BugError(`the resource ${info.resource} is not served`);
  };
  return {
    resources: () =>
      context()
        .registry.preferredResources()
        .map(({ info }) => info),
    resource: (group, resource) => context().registry.preferred(group, resource)?.info,
    create: async (info, object) => {
      const write = writeOf(resourceOf(info), object.metadata.namespace ?? '');
      const accepted = acceptObject(
        write,
        { ...object },
        { duplicates: [], target: { namespace: write.namespace, name: '' } },
      );
      const written = await createObject(context(), write, accepted);
      await settleWrite(context(), write, written);
      return written.object;
    },
    mutate: (info, key, change, options = {}) => {
      const write = { ...writeOf(resourceOf(info), key.namespace), subresource: options.subresource ?? '' };
      return mutate(context(), write, { name: key.name, change });
    },
    delete: async (info, key, options) => {
      const write = { ...writeOf(resourceOf(info), key.namespace), dryRun: options.dryRun === true };
      const deleted = await unlessMissing(() => deleteObject(context(), write, key.name, options));
      return deleted === undefined ? undefined : deletionAnswer(write.resource, deleted);
    },
  };
}

async function mutate(
  context: VerbContext,
  write: WriteRequest,
  wanted: { readonly name: string; readonly change: (live: KubeObject) => KubeObject | undefined },
): Promise<KubeObject | undefined> {
  const written = await unlessMissing(() =>
    updateObject(context, write, wanted.name, (live) => {
      const object = wanted.change(live);
      return object === undefined ? undefined : { object };
    }),
  );
  if (written !== undefined) await settleWrite(context, write, written);
  return written?.object;
}

function writeOf(resource: Resource, namespace: string): WriteRequest {
  return {
    resource,
    subresource: '',
    namespace: resource.info.namespaced ? namespace : '',
    user: apiserverUser,
    manager,
    dryRun: false,
    fieldValidation: 'Ignore',
    warn: () => undefined,
  };
}

async function unlessMissing<T>(action: () => Promise<T>): Promise<T | undefined> {
  try {
    return await action();
  } catch (err) {
    if (err instanceof ApiError && err.status === 404) return undefined;
    throw err;
  }
}
