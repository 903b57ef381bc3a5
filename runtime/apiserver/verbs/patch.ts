import { ApiError } from '#runtime/base/errors.ts';
import { isRecord } from '#runtime/base/json.ts';
import { parseJson, type ParsedText } from '#runtime/apiserver/codec/json.ts';
import type { Answer } from '#runtime/apiserver/http/answer.ts';
import { badRequest, invalid, methodNotAllowed } from '#runtime/apiserver/http/api-errors.ts';
import { applyJsonPatch } from '#runtime/apiserver/patch/json-patch.ts';
import { applyMergePatch } from '#runtime/apiserver/patch/merge-patch.ts';
import { applyStrategicMergePatch } from '#runtime/apiserver/patch/strategic-merge-patch.ts';
import { invalidValue } from '#runtime/apiserver/registry/names.ts';
import type { Resource } from '#runtime/apiserver/registry/resource.ts';
import type { KubeObject } from '#schemas/meta/object.ts';
import { acceptObject, asPatchFault, patchMapOf, requirePlace, type Target } from './accept-object.ts';
import { apply } from './apply.ts';
import type { ApiRequest, VerbContext } from './context.ts';
import { writeRequestOf } from './create.ts';
import { unsupportedMediaType } from './decode-body.ts';
import { onDemand } from './on-demand.ts';
import { objectAnswer, presentationOf } from './presentation.ts';
import { settleWrite } from './settle-write.ts';
import { requireVersion, updateObject } from './update-object.ts';
import type { WriteRequest } from './write-request.ts';

const patchTypes = {
  json: 'application/json-patch+json',
  merge: 'application/merge-patch+json',
  strategic: 'application/strategic-merge-patch+json',
  apply: 'application/apply-patch+yaml',
} as const;

type PatchType = keyof typeof patchTypes;

/** Answers a PATCH of an object or its status, of whichever of the four kinds its Content-Type names. */
export async function patch(context: VerbContext, request: ApiRequest, resource: Resource): Promise<Answer> {
  const type = patchTypeOf(request, resource);
  if (request.attributes.name === '') throw methodNotAllowed();
  if (type === 'apply') return apply(context, request, resource);
  const how = presentationOf(request, 'write');
  const write = writeRequestOf(request, resource, 'patch');
  const { name } = request.attributes;
  const text = (await request.body()).toString('utf8');
  const parsed = onDemand(() => parsePatch(text, type, write.fieldValidation !== 'Ignore'));
  const written = await updateObject(context, write, name, (live) => {
    const { value, duplicates } = parsed();
    return { object: acceptPatched(write, changeOf(type, value, resource)(live), { live, duplicates }) };
  });
  await settleWrite(context, write, written);
  return objectAnswer(resource, written, how, { status: 200, nowMs: context.clock.now() });
}

/** What is wrong with a patch is told of an object that is there. */
function parsePatch(text: string, type: PatchType, findDuplicates: boolean): ParsedText {
  try {
    return parseJson(text, { findDuplicates });
  } catch (err) {
    if (!(err instanceof ApiError)) throw err;
    // Who asks for no check of the fields is not told what is wrong.
    if (type === 'merge' && !findDuplicates) throw badRequest('Invalid JSON Patch');
    throw badRequest(err.message.replace(/^.*json parse error/u, 'error decoding patch'));
  }
}

/** Patch types are compared as they stand, without their parameters. */
function patchTypeOf(request: ApiRequest, resource: Resource): PatchType {
  const header = request.headers['content-type'] ?? '';
  const found = (Object.keys(patchTypes) as PatchType[]).find((type) => patchTypes[type] === header.split(';', 1)[0]);
  if (found !== undefined && !(found === 'strategic' && resource.custom)) return found;
  const offered = resource.custom ? [patchTypes.json, patchTypes.merge, patchTypes.apply] : Object.values(patchTypes);
  throw unsupportedMediaType(offered);
}

function changeOf(
  type: Exclude<PatchType, 'apply'>,
  value: unknown,
  resource: Resource,
): (live: KubeObject) => unknown {
  switch (type) {
    case 'json':
      return (live) => applyJsonPatch(live, value);
    case 'merge':
      return (live) => applyMergePatch(live, patchMapOf(value));
    case 'strategic':
      return (live) => {
        const { apiVersion, kind } = live;
        const patched = applyStrategicMergePatch(live, patchMapOf(value ?? {}), resource.info.schema);
        // A struct has no field for what it is.
        return typeof patched['kind'] === 'string' ? { ...patched, apiVersion, kind } : patched;
      };
  }
}

/** The outcome of a patch as an object of the resource; what is wrong with it is a fault of the patch (422). */
function acceptPatched(
  write: WriteRequest,
  patched: unknown,
  of: { readonly live: KubeObject; readonly duplicates: readonly string[] },
): KubeObject {
  const { resource } = write;
  const { name } = of.live.metadata;
  if (!isRecord(patched))
    throw invalid(resource.info, name, [invalidValue('patch', 'patch', 'the result is not an object')]);
  const target = { namespace: write.namespace, name };
  requireOwnVersion(write, patched, target);
  try {
    const object = acceptObject(write, typed(write, patched), {
      duplicates: of.duplicates,
      target,
      isUnordered: true,
    });
    requireVersion(resource, object);
    return object;
  } catch (err) {
    throw asPatchFault(err);
  }
}

function requireOwnVersion(
  { resource, subresource }: WriteRequest,
  { apiVersion, metadata }: Fields,
  target: Target,
): void {
  const isOwn = typeof apiVersion !== 'string' || apiVersion === resource.apiVersion;
  if (isOwn || !resource.custom || subresource === 'status') return;
  requirePlace(resource, isRecord(metadata) ? metadata : {}, target);
  const { kind } = resource.info;
  const fault = invalidValue('apiVersion', apiVersion, `must be ${resource.apiVersion}`);
  throw invalid({ group: '', resource: '', kind }, target.name, [fault]);
}

/** Nothing but the status is taken from a patch of it. */
function typed({ resource, subresource }: WriteRequest, patched: Fields): Fields {
  const isText = typeof patched['apiVersion'] === 'string' && typeof patched['kind'] === 'string';
  if (!resource.custom || subresource !== 'status' || !isText) return patched;
  return { ...patched, apiVersion: resource.apiVersion, kind: resource.info.kind };
}

type Fields = Readonly<Record<string, unknown>>;
