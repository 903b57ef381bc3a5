import { ApiError } from '#runtime/base/errors.ts';
import { isRecord } from '#runtime/base/json.ts';
import { isMap } from '#runtime/apiserver/codec/exact-number.ts';
import { parseJson } from '#runtime/apiserver/codec/json.ts';
import { parseYaml } from '#runtime/apiserver/codec/yaml.ts';
import type { Answer } from '#runtime/apiserver/http/answer.ts';
import { badRequest, invalid, shown } from '#runtime/apiserver/http/api-errors.ts';
import { applyJsonPatch } from '#runtime/apiserver/patch/json-patch.ts';
import { applyMergePatch } from '#runtime/apiserver/patch/merge-patch.ts';
import { invalidValue } from '#runtime/apiserver/registry/names.ts';
import type { Resource, ScalePaths } from '#runtime/apiserver/registry/resource.ts';
import { viewOf } from '#runtime/apiserver/registry/view.ts';
import type { KubeObject } from '#schemas/meta/object.ts';
import type { ApiRequest, VerbContext } from './context.ts';
import { writeRequestOf } from './create.ts';
import { decodeBody, unsupportedMediaType } from './decode-body.ts';
import { reach, readOne } from './get.ts';
import { presentationOf, valueAnswer } from './presentation.ts';
import { updateObject } from './update-object.ts';

/** An `autoscaling/v1` Scale: the number of replicas of an object, cut out of it. */
interface Scale {
  readonly kind: 'Scale';
  readonly apiVersion: 'autoscaling/v1';
  readonly metadata: Pick<
    KubeObject['metadata'],
    'name' | 'namespace' | 'uid' | 'resourceVersion' | 'creationTimestamp'
  >;
  readonly spec: { readonly replicas: number };
  readonly status: { readonly replicas: number; readonly selector?: string };
}

/** Answers a GET of `/scale`. */
export async function getScale(
  context: VerbContext,
  request: ApiRequest,
  resource: Resource,
  paths: ScalePaths,
): Promise<Answer> {
  const how = presentationOf(request, 'object');
  await reach(context, undefined);
  return valueAnswer(200, scaleOf(resource, viewOf(resource, readOne(context, request, resource)).object, paths), how);
}

/** Answers a PUT of `/scale`: the Scale's resourceVersion, if it has one, must be the object's. */
export async function updateScale(
  context: VerbContext,
  request: ApiRequest,
  resource: Resource,
  paths: ScalePaths,
): Promise<Answer> {
  const { value } = await decodeBody(request, false);
  return writeScale(context, request, { resource, paths, change: () => value });
}

/** Answers a PATCH of `/scale`: a JSON or merge patch of the Scale, or an applied Scale. */
export async function patchScale(
  context: VerbContext,
  request: ApiRequest,
  resource: Resource,
  paths: ScalePaths,
): Promise<Answer> {
  const type = (request.headers['content-type'] ?? '').split(';', 1)[0] ?? '';
  if (!patchTypes.includes(type)) throw unsupportedMediaType(patchTypes);
  const text = (await request.body()).toString('utf8');
  if (type === jsonPatchType) {
    const operations = parseJson(text).value;
    return writeScale(context, request, { resource, paths, change: (scale) => applyJsonPatch(scale, operations) });
  }
  const patch = parseYaml(text).value;
  return writeScale(context, request, { resource, paths, change: (scale) => applyMergePatch(scale, patch) });
}

const jsonPatchType = 'application/json-patch+json';
const patchTypes: readonly string[] = [jsonPatchType, 'application/merge-patch+json', 'application/apply-patch+yaml'];

interface ScaleWrite {
  readonly resource: Resource;
  readonly paths: ScalePaths;
  readonly change: (scale: Scale) => unknown;
}

async function writeScale(
  context: VerbContext,
  request: ApiRequest,
  { resource, paths, change }: ScaleWrite,
): Promise<Answer> {
  const how = presentationOf(request, 'write');
  const write = { ...writeRequestOf(request, resource, 'patch'), subresource: 'scale' };
  const { name } = request.attributes;
  const written = await updateObject(context, write, name, (live) => {
    const wanted = change(scaleOf(resource, live, paths));
    const { replicas, resourceVersion } = readScale(resource, name, wanted);
    const object = withField(live, paths.specReplicas, replicas) as KubeObject;
    return {
      object: {
        ...object,
        metadata: { ...object.metadata, resourceVersion: resourceVersion ?? live.metadata.resourceVersion ?? '' },
      },
    };
  });
  return valueAnswer(200, scaleOf(resource, written.object, paths), how);
}

function readScale(
  resource: Resource,
  name: string,
  wanted: unknown,
): { readonly replicas: number; readonly resourceVersion: string | undefined } {
  if (!isMap(wanted)) throw badRequest('the Scale is not an object');
  const { kind = 'Scale', spec, metadata } = wanted;
  if (kind !== 'Scale') throw badRequest(`wrong object passed to Scale update: ${shown(kind)}`);
  const replicas = (isRecord(spec) ? spec['replicas'] : undefined) ?? 0;
  if (typeof replicas !== 'number' || !Number.isInteger(replicas)) {
    throw badRequest(`Scale: spec.replicas must be an integer: ${shown(replicas)}`);
  }
  if (replicas < 0) {
    throw invalid(resource.info, name, [invalidValue('spec.replicas', replicas, 'should be a non-negative integer')]);
  }
  return { replicas, resourceVersion: versionIn(metadata) };
}

function versionIn(metadata: unknown): string | undefined {
  const version = isRecord(metadata) ? metadata['resourceVersion'] : undefined;
  return typeof version === 'string' && version !== '' ? version : undefined;
}

function scaleOf(resource: Resource, object: KubeObject, paths: ScalePaths): Scale {
  const replicas = fieldAt(object, paths.specReplicas);
  if (typeof replicas !== 'number') {
    throw new ApiError(
      500,
      'InternalError',
      `Internal error occurred: the spec replicas field ".${paths.specReplicas.join('.')}" does not exist`,
    );
  }
  const current = fieldAt(object, paths.statusReplicas);
  const selector = paths.labelSelector === undefined ? undefined : fieldAt(object, paths.labelSelector);
  const { name, namespace, uid, resourceVersion, creationTimestamp } = object.metadata;
  return {
    kind: 'Scale',
    apiVersion: 'autoscaling/v1',
    metadata: {
      name,
      ...(resource.info.namespaced && namespace !== undefined ? { namespace } : {}),
      ...(uid === undefined ? {} : { uid }),
      ...(resourceVersion === undefined ? {} : { resourceVersion }),
      ...(creationTimestamp === undefined ? {} : { creationTimestamp }),
    },
    spec: { replicas },
    status: {
      replicas: typeof current === 'number' ? current : 0,
      ...(typeof selector === 'string' ? { selector } : {}),
    },
  };
}

function fieldAt(object: KubeObject, names: readonly string[]): unknown {
  let value: unknown = object;
  for (const name of names) value = isRecord(value) ? value[name] : undefined;
  return value;
}

/** A copy of `value` with one field set; what is not on the way is shared. */
function withField(value: unknown, names: readonly string[], to: unknown): unknown {
  const [name, ...rest] = names;
  if (name === undefined) return to;
  const record = isRecord(value) ? value : {};
  return { ...record, [name]: withField(record[name], rest, to) };
}
