import { pageNotFound, type Answer } from '#runtime/apiserver/http/answer.ts';
import { methodNotAllowed } from '#runtime/apiserver/http/api-errors.ts';
import type { Resource } from '#runtime/apiserver/registry/resource.ts';
import { acceptObject } from './accept-object.ts';
import type { ApiRequest, VerbContext } from './context.ts';
import { createObject, tellOfOwners } from './create-object.ts';
import { decodeObject } from './decode-body.ts';
import { objectAnswer, presentationOf } from './presentation.ts';
import { settleWrite } from './settle-write.ts';
import { parseWriteOptions } from './write-options.ts';
import type { WriteRequest } from './write-request.ts';

/** Answers a POST to a collection. */
export async function create(context: VerbContext, request: ApiRequest, resource: Resource): Promise<Answer> {
  if (resource.info.namespaced && request.attributes.namespace === '') {
    if (resource.custom) return pageNotFound();
    throw methodNotAllowed();
  }
  const how = presentationOf(request, 'write');
  const write = writeRequestOf(request, resource, 'create');
  const body = await decodeObject(request, resource.info.kind, write.fieldValidation !== 'Ignore');
  const target = { namespace: write.namespace, name: request.attributes.name };
  const object = acceptObject(write, body.value, { duplicates: body.duplicates, target });
  tellOfOwners(write, object);
  const written = await createObject(context, write, object);
  await settleWrite(context, write, written);
  return objectAnswer(resource, written, how, { status: 201, nowMs: context.clock.now() });
}

/** The write that a request asks for. */
export function writeRequestOf(
  request: ApiRequest,
  resource: Resource,
  verb: Parameters<typeof parseWriteOptions>[1],
): WriteRequest {
  const { dryRun, manager, fieldValidation } = parseWriteOptions(request, verb);
  const { namespace, subresource } = request.attributes;
  return {
    resource,
    subresource,
    namespace: resource.info.namespaced ? namespace : '',
    user: request.user,
    manager,
    dryRun,
    fieldValidation,
    warn: request.warn,
  };
}
