import { ApiError } from '#runtime/base/errors.ts';
import { isRecord } from '#runtime/base/json.ts';
import { badRequest, invalid, shown } from '#runtime/apiserver/http/api-errors.ts';
import { invalidValue } from '#runtime/apiserver/registry/names.ts';
import { metadataTypeProblem } from '#runtime/apiserver/registry/metadata-rules.ts';
import type { Resource } from '#runtime/apiserver/registry/resource.ts';
import type { KubeObject } from '#schemas/meta/object.ts';
import { jsonTypeOf } from './delete-options.ts';
import { unrecognizedBody } from './decode-body.ts';
import type { WriteRequest } from './write-request.ts';

/** Metadata fields that exist; others are unknown fields like any other. */
const metadataFields = new Set([
  'name',
  'generateName',
  'namespace',
  'selfLink',
  'uid',
  'resourceVersion',
  'generation',
  'creationTimestamp',
  'deletionTimestamp',
  'deletionGracePeriodSeconds',
  'labels',
  'annotations',
  'ownerReferences',
  'finalizers',
  'managedFields',
]);

/** Where an object that came from a client is to be. */
export interface Target {
  readonly namespace: string;
  /** Empty when the URL names none (create). */
  readonly name: string;
}

/** How an object came. */
interface Origin {
  readonly duplicates: readonly string[];
  readonly target: Target;
  /** Its fields came in no order, so that unknown ones are told by name. */
  readonly isUnordered?: boolean;
}

/**
 * Takes a decoded body as an object of the resource: group, version, name and namespace must be those of the URL; unknown and duplicate fields are refused,
 * told or dropped as the request says; nulls in metadata go; defaults are filled in. A custom object of another kind stays as it is: validation refuses it.
 */
export function acceptObject(write: WriteRequest, value: Readonly<Record<string, unknown>>, from: Origin): KubeObject {
  const { resource } = write;
  const metadata = value['metadata'] ?? {};
  requireKind(resource, value);
  if (!resource.custom) requireType(resource, value);
  const problem = metadataTypeProblem(metadata);
  if (problem !== undefined || !isRecord(metadata)) throw unreadable(resource, problem ?? '');
  const { object, unknown } = withPlainMetadata(resource, value, metadata);
  const read = readAs(write, value, object);
  const all = [...unknown, ...read.unknown];
  reportFields(write, from.isUnordered === true ? all.toSorted() : inOrder(resource, value, all), from.duplicates);
  // A custom object is read before anybody looks at what it is.
  if (resource.custom) requireType(resource, value);
  requirePlace(resource, object.metadata, from.target);
  return read.object;
}

/** The object as its schema has it, with defaults; of another kind nobody knows which fields there are. */
function readAs(
  { resource, subresource }: WriteRequest,
  value: Readonly<Record<string, unknown>>,
  object: KubeObject,
): ReturnType<Resource['schema']['prune']> {
  const isKnown = isOfKind(resource, value);
  if (!isKnown && subresource !== 'status') return { object, unknown: [] };
  const pruned = readable(resource, object);
  const wrongType = resource.typeProblem(pruned.object);
  if (wrongType !== undefined) throw unreadable(resource, wrongType);
  return { object: resource.schema.applyDefaults(pruned.object), unknown: isKnown ? pruned.unknown : [] };
}

/** Custom objects are looked through field by field, others are read as they come. */
function inOrder(
  { custom }: Resource,
  value: Readonly<Record<string, unknown>>,
  unknown: readonly string[],
): readonly string[] {
  const order = custom ? ['metadata'] : Object.keys(value);
  const placeOf = (path: string): number => {
    const place = order.indexOf(path.split(/[.[]/u, 1)[0] ?? '');
    return place === -1 ? order.length : place;
  };
  const sorted = custom ? unknown.toSorted() : unknown;
  return sorted.toSorted((a, b) => placeOf(a) - placeOf(b));
}

function readable(resource: Resource, object: KubeObject): ReturnType<Resource['schema']['prune']> {
  try {
    return resource.schema.prune(object);
  } catch (err) {
    throw err instanceof ApiError ? unreadable(resource, err.message) : err;
  }
}

/** Built-in kinds need not say what they are: the URL does. */
function requireKind(resource: Resource, value: Readonly<Record<string, unknown>>): void {
  for (const field of ['kind', 'apiVersion']) {
    const given = value[field] ?? '';
    if (typeof given !== 'string') throw mistypedKind(resource, value, field);
  }
  if (resource.custom && textOr(value['kind'], '') === '') throw unrecognized(resource, value);
}

/** Of another kind or group nobody knows which fields there are. */
function isOfKind({ info, custom }: Resource, { apiVersion, kind }: Readonly<Record<string, unknown>>): boolean {
  return !custom || (kind === info.kind && textOr(apiVersion, '').startsWith(`${info.group}/`));
}

function requireType(resource: Resource, value: Readonly<Record<string, unknown>>): void {
  const apiVersion = textOr(value['apiVersion'], resource.custom ? '' : resource.apiVersion);
  const kind = textOr(value['kind'], resource.info.kind);
  if (apiVersion !== resource.apiVersion) {
    throw badRequest(
      `the API version in the data (${apiVersion}) does not match the expected API version (${resource.apiVersion})`,
    );
  }
  if (kind !== resource.info.kind && !resource.custom) {
    throw badRequest(`the kind in the data (${kind}) does not match the expected kind (${resource.info.kind})`);
  }
}

function mistypedKind({ info }: Resource, value: Readonly<Record<string, unknown>>, field: string): ApiError {
  const why = `couldn't get version/kind; json parse error: json: cannot unmarshal ${jsonTypeOf(value[field])} into Go struct field .${field} of type string`;
  return unrecognizedBody(info.kind, Buffer.from(JSON.stringify(value)), why);
}

function textOr(value: unknown, fallback: string): string {
  return typeof value === 'string' && value !== '' ? value : fallback;
}

function unrecognized({ info }: Resource, value: Readonly<Record<string, unknown>>): ApiError {
  const text = JSON.stringify(value);
  return unrecognizedBody(info.kind, Buffer.from(text), `Object 'Kind' is missing in '${text}'`);
}

function withPlainMetadata(
  resource: Resource,
  value: Readonly<Record<string, unknown>>,
  metadata: Readonly<Record<string, unknown>>,
): { readonly object: KubeObject; readonly unknown: readonly string[] } {
  const plain: Record<string, unknown> = {};
  const unknown: string[] = [];
  for (const field of Object.keys(metadata)) {
    const part = metadata[field];
    if (!metadataFields.has(field)) unknown.push(`metadata.${field}`);
    else if (part !== null && field !== 'selfLink') plain[field] = part;
  }
  for (const field of ['labels', 'annotations', 'finalizers', 'ownerReferences'])
    if (isEmpty(plain[field])) delete plain[field];
  // Kinds that Go has a type for see the difference: to them, no managers is a wish.
  if (resource.custom && isEmpty(plain['managedFields'])) delete plain['managedFields'];
  const { apiVersion, info } = resource;
  return {
    object: {
      ...value,
      apiVersion,
      kind: textOr(value['kind'], info.kind),
      metadata: plain as unknown as KubeObject['metadata'],
    },
    unknown,
  };
}

/** Go writes no empty maps and lists, so an object that differs by one only is the same object. */
function isEmpty(value: unknown): boolean {
  if (Array.isArray(value)) return value.length === 0;
  return isRecord(value) && Object.keys(value).length === 0;
}

/** An object belongs where the URL says. */
export function requirePlace(
  resource: Resource,
  metadata: { readonly name?: unknown; readonly namespace?: unknown },
  target: Target,
): void {
  const { name = '', namespace = '' } = metadata as { readonly name?: string; readonly namespace?: string };
  requireNamespace(resource, namespace, target);
  if (target.name !== '' && name === '') {
    throw badRequest(`the name of the object (${target.name} based on URL) was undeterminable: name must be provided`);
  }
  if (target.name !== '' && name !== target.name) {
    throw badRequest(`the name of the object (${name}) does not match the name on the URL (${target.name})`);
  }
}

function requireNamespace(resource: Resource, namespace: string, target: Target): void {
  if (namespace === '' || !resource.info.namespaced) return;
  if (namespace !== target.namespace) {
    throw badRequest('the namespace of the provided object does not match the namespace sent on the request');
  }
}

function reportFields(write: WriteRequest, unknown: readonly string[], duplicates: readonly string[]): void {
  if (write.fieldValidation === 'Ignore' || unknown.length + duplicates.length === 0) return;
  const texts = [
    ...unknown.map((path) => `unknown field ${shown(path)}`),
    ...duplicates.map((path) => `duplicate field ${shown(path)}`),
  ];
  if (write.fieldValidation === 'Strict') throw strictFailure(write.resource, texts);
  for (const text of texts) write.warn(text);
}

function strictFailure(resource: Resource, texts: readonly string[]): ApiError {
  return unreadable(resource, `strict decoding error: ${texts.join(', ')}`);
}

/** 400: the body is no object of this kind. */
export function unreadable(resource: Resource, why: string): ApiError {
  const { kind } = resource.info;
  return badRequest(`${kind} in version ${shown(resource.info.version)} cannot be handled as a ${kind}: ${why}`);
}

/** A patch that says what becomes of each field. */
export function patchMapOf(patch: unknown): Readonly<Record<string, unknown>> {
  if (isRecord(patch)) return patch;
  throw badRequest('Invalid JSON Patch');
}

/** What makes a body no object of its kind makes the result of a patch a fault of the patch, which is 422 and names no object. */
export function asPatchFault(error: unknown): unknown {
  const isUnreadable =
    error instanceof ApiError &&
    error.status === 400 &&
    /cannot be handled as a|is unrecognized|does not match the expected/u.test(error.message);
  if (!isUnreadable) return error;
  const why = error.message.slice(error.message.indexOf(': ') + 2);
  return invalid({ group: '', resource: '', kind: '' }, '', [invalidValue('patch', 'patch', why)]);
}
