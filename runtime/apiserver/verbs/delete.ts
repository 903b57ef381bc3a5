import type { Answer } from '#runtime/apiserver/http/answer.ts';
import type { Resource } from '#runtime/apiserver/registry/resource.ts';
import { viewOf } from '#runtime/apiserver/registry/view.ts';
import { methodNotAllowed } from '#runtime/apiserver/http/api-errors.ts';
import type { ApiRequest, VerbContext } from './context.ts';
import { deleteObject, deletionAnswer } from './delete-object.ts';
import { parseDeleteOptions } from './delete-options.ts';
import { reach } from './get.ts';
import { listValue } from './list.ts';
import { readPage } from './list-page.ts';
import { presentationOf, valueAnswer } from './presentation.ts';
import { readListQuery } from './selection.ts';
import type { WriteRequest } from './write-request.ts';

/** Answers a DELETE of one object: the object while something holds it, else a Status. */
export async function deleteOne(context: VerbContext, request: ApiRequest, resource: Resource): Promise<Answer> {
  const how = presentationOf(request, 'write');
  const options = await parseDeleteOptions(request);
  const write = writeOf(request, resource, options.dryRun);
  const deleted = await deleteObject(context, write, request.attributes.name, options);
  return valueAnswer(200, deletionAnswer(resource, deleted), how);
}

/** Answers a DELETE of a collection: every object that is selected now, one after the other, as whoever watches expects; the answer lists what they were. */
export async function deleteCollection(context: VerbContext, request: ApiRequest, resource: Resource): Promise<Answer> {
  const how = presentationOf(request, 'list');
  const { options: list, selection } = readListQuery(request, resource, false);
  if (resource.info.namespaced && request.attributes.namespace === '') throw methodNotAllowed();
  const options = await parseDeleteOptions(request);
  await reach(context, undefined);
  const page = await readPage(context, selection, list);
  const write = writeOf(request, resource, options.dryRun);
  for (const cached of page.objects) {
    const { uid } = viewOf(resource, cached).object.metadata;
    const preconditions = { ...options.preconditions, ...(uid === undefined ? {} : { uid }) };
    await deleteIfThere(context, write, cached.name, { ...options, preconditions });
  }
  return valueAnswer(200, listValue(resource, page, how, context.clock.now()), how);
}

async function deleteIfThere(...args: Parameters<typeof deleteObject>): Promise<void> {
  try {
    await deleteObject(...args);
  } catch (err) {
    // Somebody else was faster, or made it anew: it is not the object that was selected any more.
    if (isGoneOrChanged(err)) return;
    throw err;
  }
}

function isGoneOrChanged(err: unknown): boolean {
  return typeof err === 'object' && err !== null && 'status' in err && (err.status === 404 || err.status === 409);
}

function writeOf(request: ApiRequest, resource: Resource, dryRun: boolean): WriteRequest {
  return {
    resource,
    subresource: '',
    namespace: resource.info.namespaced ? request.attributes.namespace : '',
    user: request.user,
    manager: '',
    dryRun,
    fieldValidation: 'Ignore',
    warn: request.warn,
  };
}
