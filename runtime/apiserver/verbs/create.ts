import type { Answer } from '#runtime/apiserver/http/answer.ts';
import { badRequest, fault, invalid, methodNotAllowed } from '#runtime/apiserver/http/api-errors.ts';
import type { Resource } from '#runtime/apiserver/registry/resource.ts';
import type { KubeObject } from '#schemas/meta/object.ts';
import { acceptObject } from './accept-object.ts';
import type { ApiRequest, VerbContext } from './context.ts';
import { createObject } from './create-object.ts';
import { decodeBody } from './decode-body.ts';
import { objectAnswer, presentationOf } from './presentation.ts';
import { settleWrite } from './settle-write.ts';
import { parseWriteOptions } from './write-options.ts';
import type { WriteRequest } from './write-request.ts';

/** Answers a POST to a collection. */
export async function create(context: VerbContext, request: ApiRequest, resource: Resource): Promise<Answer> {
  const how = presentationOf(request, 'write');
  const write = writeRequestOf(request, resource, 'create');
  if (resource.info.namespaced && write.namespace === '') throw methodNotAllowed();
  const body = await decodeBody(request, write.fieldValidation !== 'Ignore');
  const target = { namespace: write.namespace, name: request.attributes.name };
  const object = acceptObject(write, body.value, { duplicates: body.duplicates, target });
  requireCreatable(resource, object);
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

function requireCreatable(resource: Resource, object: KubeObject): void {
  const { name, generateName, resourceVersion } = object.metadata as {
    name?: string;
    generateName?: string;
    resourceVersion?: string;
  };
  if ((name ?? '') === '' && (generateName ?? '') === '') {
    throw invalid(resource.info, '', [
      fault('metadata.name', 'FieldValueRequired', 'Required value: name or generateName is required'),
    ]);
  }
  if (resourceVersion !== undefined && resourceVersion !== '' && resourceVersion !== '0') {
    throw badRequest('resourceVersion should not be set on objects to be created');
  }
}
