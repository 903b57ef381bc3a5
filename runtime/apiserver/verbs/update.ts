import { ApiError } from '#runtime/base/errors.ts';
import type { Answer } from '#runtime/apiserver/http/answer.ts';
import { conflict, methodNotAllowed } from '#runtime/apiserver/http/api-errors.ts';
import type { Resource } from '#runtime/apiserver/registry/resource.ts';
import type { KubeObject } from '#schemas/meta/object.ts';
import { acceptObject } from './accept-object.ts';
import type { ApiRequest, VerbContext } from './context.ts';
import { writeRequestOf } from './create.ts';
import { createObject, tellOfOwners, withoutVersion } from './create-object.ts';
import { decodeObject } from './decode-body.ts';
import { objectAnswer, presentationOf } from './presentation.ts';
import { settleWrite } from './settle-write.ts';
import { requireAllowed } from './require-allowed.ts';
import { requireVersion, updateObject } from './update-object.ts';
import type { WriteRequest, Written } from './write-request.ts';

/** Answers a PUT of an object, or of its status or finalize subresource. */
export async function update(context: VerbContext, request: ApiRequest, resource: Resource): Promise<Answer> {
  const how = presentationOf(request, 'write');
  const write = writeRequestOf(request, resource, 'update');
  const { name } = request.attributes;
  if (name === '') throw methodNotAllowed();
  const body = await decodeObject(request, resource.info.kind, write.fieldValidation !== 'Ignore');
  const object = acceptObject(write, body.value, {
    duplicates: body.duplicates,
    target: { namespace: write.namespace, name },
  });
  tellOfOwners(write, object);
  const written = await putObject(context, request, write, object);
  await settleWrite(context, write, written);
  return objectAnswer(resource, written, how, { status: written.created ? 201 : 200, nowMs: context.clock.now() });
}

/** Replaces the object; kinds that allow it are made when they are not there, which needs that right as well. */
async function putObject(
  context: VerbContext,
  request: ApiRequest,
  write: WriteRequest,
  object: KubeObject,
): Promise<Written> {
  const { resource, subresource } = write;
  try {
    return await updateObject(context, write, request.attributes.name, () => {
      requireVersion(resource, object);
      return { object, whole: true };
    });
  } catch (err) {
    if (!resource.strategy.createOnUpdate || subresource !== '' || !isNotFound(err)) throw err;
  }
  requireAllowed(context, { ...request.attributes, verb: 'create' });
  requireNoUid(resource, object);
  return createObject(context, write, withoutVersion(object));
}

function isNotFound(err: unknown): boolean {
  return err instanceof ApiError && err.reason === 'NotFound';
}

/** A uid means an object that was there once. */
function requireNoUid({ info }: Resource, { metadata: { name, uid } }: KubeObject): void {
  if (uid !== undefined && uid !== '')
    throw conflict(info, name, `Precondition failed: UID in precondition: ${uid}, UID in object meta: `);
}
