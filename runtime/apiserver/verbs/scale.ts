import { ApiError } from '#runtime/base/errors.ts';
import { isRecord } from '#runtime/base/json.ts';
import { isMap } from '#runtime/apiserver/codec/exact-number.ts';
import { parseJson } from '#runtime/apiserver/codec/json.ts';
import { parseYaml } from '#runtime/apiserver/codec/yaml.ts';
import type { Answer } from '#runtime/apiserver/http/answer.ts';
import { badRequest, shown } from '#runtime/apiserver/http/api-errors.ts';
import { applyJsonPatch } from '#runtime/apiserver/patch/json-patch.ts';
import { applyMergePatch } from '#runtime/apiserver/patch/merge-patch.ts';
import type { Resource, ScalePaths } from '#runtime/apiserver/registry/resource.ts';
import { viewOf } from '#runtime/apiserver/registry/view.ts';
import type { KubeObject } from '#schemas/meta/object.ts';
import { asPatchFault, patchMapOf } from './accept-object.ts';
import type { ApiRequest, VerbContext } from './context.ts';
import { writeRequestOf } from './create.ts';
import { decodeBody, unsupportedMediaType } from './decode-body.ts';
import { reach, readOne } from './get.ts';
import { onDemand } from './on-demand.ts';
import { presentationOf, valueAnswer, type Presentation } from './presentation.ts';
import { updateObject } from './update-object.ts';
import type { WriteRequest } from './write-request.ts';

/** An `autoscaling/v1` Scale: the number of replicas of an object, cut out of it. */
interface Scale {
  readonly kind: 'Scale';
  readonly apiVersion: 'autoscaling/v1';
  readonly metadata: Pick<
    KubeObject['metadata'],
    'name' | 'namespace' | 'uid' | 'resourceVersion' | 'creationTimestamp'
  >;
  /** Nought is not written. */
  readonly spec: { readonly replicas?: number };
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
  const { object } = viewOf(resource, readOne(context, request, resource));
  if (fieldAt(object, paths.specReplicas) === undefined) throw withoutReplicas(paths);
  return valueAnswer(200, scaleOf(object, paths), how);
}

/** Answers a PUT of `/scale`: the Scale's resourceVersion, if it has one, must be the object's. */
export async function updateScale(
  context: VerbContext,
  request: ApiRequest,
  resource: Resource,
  paths: ScalePaths,
): Promise<Answer> {
  const how = presentationOf(request, 'write');
  const write = writeRequestOf(request, resource, 'update');
  const { value } = await decodeBody(request, false);
  const wanted = readScale(value, request.attributes.name);
  return writeScale(context, write, { name: request.attributes.name, paths, how, change: () => wanted });
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
  const how = presentationOf(request, 'write');
  const write = writeRequestOf(request, resource, type === applyType ? 'apply' : 'patch');
  const { name } = request.attributes;
  const text = (await request.body()).toString('utf8');
  const patchOf = onDemand(() => (type === jsonPatchType ? parseJson(text) : parseYaml(text)).value);
  const patch = type === jsonPatchType ? applyJsonPatch : mergePatched;
  return writeScale(context, write, {
    name,
    paths,
    how,
    change: (scale) => readPatched(patch(scale, patchOf()), name),
  });
}

function mergePatched(scale: Scale, patch: unknown): unknown {
  return applyMergePatch(scale, patchMapOf(patch));
}

const jsonPatchType = 'application/json-patch+json';
const applyType = 'application/apply-patch+yaml';
const patchTypes: readonly string[] = [jsonPatchType, 'application/merge-patch+json', applyType];

/** What a client wants of a scale. */
interface Wanted {
  readonly replicas: number;
  readonly resourceVersion: string | undefined;
}

interface ScaleWrite {
  readonly name: string;
  readonly paths: ScalePaths;
  readonly how: Presentation;
  readonly change: (scale: Scale) => Wanted;
}

async function writeScale(
  context: VerbContext,
  write: WriteRequest,
  { name, paths, how, change }: ScaleWrite,
): Promise<Answer> {
  const written = await updateObject(context, { ...write, subresource: 'scale' }, name, (live) => {
    const { replicas, resourceVersion = live.metadata.resourceVersion } = change(scaleOf(live, paths, unset));
    if (replicas === unset) throw badRequest(`the spec replicas field "${textOf(paths)}" cannot be empty`);
    // Who makes the first field of a spec makes its defaults.
    const object = write.resource.schema.applyDefaults(withField(live, paths.specReplicas, replicas) as KubeObject);
    return { object: { ...object, metadata: { ...object.metadata, resourceVersion: resourceVersion ?? '' } } };
  });
  return valueAnswer(200, scaleOf(written.object, paths), how);
}

/** Stands for replicas that nobody has asked for yet. */
const unset = -(2 ** 31);
const maxReplicas = 2 ** 31 - 1;

/** What cannot be read after a patch is a fault of the patch. */
function readPatched(scale: unknown, name: string): Wanted {
  try {
    return readScale(scale, name);
  } catch (err) {
    throw asPatchFault(err);
  }
}

function readScale(scale: unknown, name: string): Wanted {
  if (!isMap(scale)) throw unreadableScale('it is not an object');
  const { kind = 'Scale', apiVersion = scaleVersion, metadata } = scale;
  if (kind !== 'Scale' || apiVersion !== scaleVersion) throw unreadableScale(`${shown(apiVersion)}, ${shown(kind)}`);
  const replicas = replicasIn(scale['spec']);
  requireName(metadata, name);
  return { replicas, resourceVersion: versionIn(metadata) };
}

function replicasIn(spec: unknown): number {
  const replicas = (isMap(spec) ? spec['replicas'] : undefined) ?? 0;
  const isCount = typeof replicas === 'number' && Number.isInteger(replicas);
  if (isCount && replicas >= unset && replicas <= maxReplicas) return replicas;
  throw unreadableScale(`spec.replicas must be an integer of 32 bits: ${shown(replicas)}`);
}

const scaleVersion = 'autoscaling/v1';

function unreadableScale(why: string): ApiError {
  return badRequest(`Scale in version "v1" cannot be handled as a Scale: ${why}`);
}

function requireName(metadata: unknown, name: string): void {
  const given: unknown = isRecord(metadata) ? metadata['name'] : undefined;
  if (typeof given !== 'string' || given === '')
    throw badRequest(`the name of the object (${name} based on URL) was undeterminable: name must be provided`);
  if (given !== name)
    throw badRequest(`the name of the object (${given}) does not match the name on the URL (${name})`);
}

function versionIn(metadata: unknown): string | undefined {
  const version = isRecord(metadata) ? metadata['resourceVersion'] : undefined;
  return typeof version === 'string' && version !== '' ? version : undefined;
}

function withoutReplicas(paths: ScalePaths): ApiError {
  const message = `Internal error occurred: the spec replicas field "${textOf(paths)}" does not exist`;
  return new ApiError(500, 'InternalError', message);
}

function textOf({ specReplicas }: ScalePaths): string {
  return `.${specReplicas.join('.')}`;
}

const metadataParts = ['name', 'namespace', 'uid', 'resourceVersion', 'creationTimestamp'] as const;

/** `without`: the replicas where there are none. */
function scaleOf(object: KubeObject, paths: ScalePaths, without = 0): Scale {
  const { metadata } = object;
  const found = fieldAt(object, paths.specReplicas);
  const replicas = typeof found === 'number' ? found : without;
  const current = fieldAt(object, paths.statusReplicas);
  const selector = paths.labelSelector === undefined ? undefined : fieldAt(object, paths.labelSelector);
  const parts = metadataParts.filter((part) => metadata[part] !== undefined).map((part) => [part, metadata[part]]);
  return {
    kind: 'Scale',
    apiVersion: scaleVersion,
    metadata: Object.fromEntries(parts) as Scale['metadata'],
    spec: replicas === 0 ? {} : { replicas },
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
