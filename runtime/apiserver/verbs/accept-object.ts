import { ApiError } from '#runtime/base/errors.ts';
import { isRecord } from '#runtime/base/json.ts';
import { badRequest, invalid, shown } from '#runtime/apiserver/http/api-errors.ts';
import { invalidValue } from '#runtime/apiserver/registry/names.ts';
import { metadataTypeProblem } from '#runtime/apiserver/registry/metadata-rules.ts';
import type { Resource } from '#runtime/apiserver/registry/resource.ts';
import type { KubeObject } from '#schemas/meta/object.ts';
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

/**
 * Takes a decoded body as an object of the resource: group, version, kind, name and namespace must be those of the URL; unknown and duplicate
 * fields are refused, told or dropped as the request says; nulls in metadata go; defaults are filled in.
 */
export function acceptObject(
  write: WriteRequest,
  value: Readonly<Record<string, unknown>>,
  from: { readonly duplicates: readonly string[]; readonly target: Target },
): KubeObject {
  const { resource } = write;
  const metadata = value['metadata'] ?? {};
  requireKind(resource, value);
  const problem = metadataTypeProblem(metadata);
  if (problem !== undefined || !isRecord(metadata))
    throw unreadable(resource, `json: cannot unmarshal into ObjectMeta: ${problem ?? ''}`);
  const { object, unknown } = withPlainMetadata(resource, value, metadata);
  requirePlace(resource, object, from.target);
  const pruned = resource.schema.prune(object);
  reportFields(write, [...unknown, ...pruned.unknown], from.duplicates);
  const wrongType = resource.typeProblem(pruned.object);
  if (wrongType !== undefined) throw unreadable(resource, wrongType);
  return resource.schema.applyDefaults(pruned.object);
}

function requireKind(resource: Resource, value: Readonly<Record<string, unknown>>): void {
  const { apiVersion, kind } = value;
  if (typeof kind !== 'string' || kind === '') {
    throw badRequest(`Object 'Kind' is missing in '${JSON.stringify(value).slice(0, 200)}'`);
  }
  if (typeof apiVersion !== 'string' || apiVersion === '') throw badRequest("Object 'apiVersion' is missing");
  if (apiVersion !== resource.apiVersion) {
    throw badRequest(
      `the API version in the data (${apiVersion}) does not match the expected API version (${resource.apiVersion})`,
    );
  }
  if (kind !== resource.info.kind) {
    throw badRequest(`the kind in the data (${kind}) does not match the expected kind (${resource.info.kind})`);
  }
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
  const { apiVersion, info } = resource;
  return {
    object: { ...value, apiVersion, kind: info.kind, metadata: plain as unknown as KubeObject['metadata'] },
    unknown,
  };
}

/** Go writes no empty maps and lists, so an object that differs by one only is the same object. */
function isEmpty(value: unknown): boolean {
  if (Array.isArray(value)) return value.length === 0;
  return isRecord(value) && Object.keys(value).length === 0;
}

function requirePlace(resource: Resource, object: KubeObject, target: Target): void {
  const { name = '', namespace = '' } = object.metadata as { readonly name?: string; readonly namespace?: string };
  if (target.name !== '' && name !== target.name) {
    throw badRequest(`the name of the object (${name}) does not match the name on the URL (${target.name})`);
  }
  if (namespace === '') return;
  if (!resource.info.namespaced) throw badRequest('namespace is not allowed on this type');
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

/** The same faults in the result of a patch, which are 422 there. */
export function asPatchFault(resource: Resource, name: string, error: unknown): unknown {
  if (!(error instanceof ApiError) || error.status !== 400 || !error.message.includes('cannot be handled as a'))
    return error;
  const why = error.message.slice(error.message.indexOf(': ') + 2);
  return invalid(resource.info, name, [invalidValue('patch', 'patch', why)]);
}
