import type { Answer } from '#runtime/apiserver/http/answer.ts';
import { invalid, methodNotAllowed } from '#runtime/apiserver/http/api-errors.ts';
import { invalidValue } from '#runtime/apiserver/registry/names.ts';
import type { Resource } from '#runtime/apiserver/registry/resource.ts';
import type { KubeObject } from '#schemas/meta/object.ts';
import { acceptObject } from './accept-object.ts';
import type { ApiRequest, VerbContext } from './context.ts';
import { writeRequestOf } from './create.ts';
import { decodeBody } from './decode-body.ts';
import { objectAnswer, presentationOf } from './presentation.ts';
import { settleWrite } from './settle-write.ts';
import { updateObject } from './update-object.ts';

/** Answers a PUT of an object, or of its status or finalize subresource. */
export async function update(context: VerbContext, request: ApiRequest, resource: Resource): Promise<Answer> {
  const how = presentationOf(request, 'write');
  const write = writeRequestOf(request, resource, 'update');
  const { name } = request.attributes;
  if (name === '') throw methodNotAllowed();
  const body = await decodeBody(request, write.fieldValidation !== 'Ignore');
  const object = acceptObject(write, body.value, {
    duplicates: body.duplicates,
    target: { namespace: write.namespace, name },
  });
  requireVersion(resource, object);
  const written = await updateObject(context, write, name, () => ({ object }));
  await settleWrite(context, write, written);
  return objectAnswer(resource, written, how, { status: 200, nowMs: context.clock.now() });
}

/** Kinds that are never replaced blindly need the version that the client has seen. */
function requireVersion(resource: Resource, object: KubeObject): void {
  const { resourceVersion, name } = object.metadata;
  if (resource.strategy.unconditionalUpdate || (resourceVersion !== undefined && resourceVersion !== '')) return;
  throw invalid(resource.info, name, [
    invalidValue('metadata.resourceVersion', resource.custom ? 0 : '', 'must be specified for an update'),
  ]);
}
