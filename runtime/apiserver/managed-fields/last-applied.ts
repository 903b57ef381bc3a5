import { isMap } from '#runtime/apiserver/codec/exact-number.ts';
import { parseJson, stringifyJson } from '#runtime/apiserver/codec/json.ts';
import { ApiError } from '#runtime/base/errors.ts';
import type { KubeObject } from '#schemas/meta/object.ts';
import type { Schema } from '#schemas/meta/schema.ts';
import { objectFields } from './collect.ts';
import { compareObjects } from './compare.ts';
import type { FieldSet } from './field-set.ts';
import { subtract } from './field-set.ts';
import type { Scope } from './scope.ts';

/** Where client-side apply keeps what it sent last. */
const annotation = 'kubectl.kubernetes.io/last-applied-configuration';

/** The one manager whose server-side apply takes over from its own client-side apply. */
const kubectl = 'kubectl';

const maxAnnotationBytes = 256 * 1024;

/**
 * Fields that `kubectl apply --server-side` may take without force: those that its client-side apply set, by the annotation of the live object,
 * and that still have the value it gave them. Undefined for every other manager and without a readable annotation of the same apiVersion.
 */
export function forgivenFields(
  live: KubeObject,
  request: { readonly manager: string; readonly apiVersion: string; readonly root: Schema; readonly scope: Scope },
): FieldSet | undefined {
  const text = live.metadata.annotations?.[annotation];
  if (request.manager !== kubectl || text === undefined) return undefined;
  const applied = readApplied(text);
  if (applied?.['apiVersion'] !== request.apiVersion) return undefined;
  const { touched, removed } = compareObjects(applied, live, request);
  return subtract(
    subtract(objectFields(applied, request.root, { mode: 'applied', scope: request.scope }), touched),
    removed,
  );
}

/** Keeps the annotation in step when kubectl applies on the server; it is left out when it would grow too large. Every other object is returned as it is. */
export function withLastApplied(object: KubeObject, config: KubeObject, manager: string): KubeObject {
  const annotations = object.metadata.annotations;
  if (manager !== kubectl || annotations?.[annotation] === undefined) return object;
  const text = `${stringifyJson(withoutAnnotation(config))}\n`;
  if (annotations[annotation] === text) return object;
  const { [annotation]: _old, ...others } = annotations;
  const size = Object.entries(others).reduce(
    (bytes, [key, value]) => bytes + key.length + value.length,
    annotation.length + text.length,
  );
  const kept = size > maxAnnotationBytes ? others : { ...others, [annotation]: text };
  return { ...object, metadata: { ...object.metadata, annotations: kept } };
}

function withoutAnnotation(config: KubeObject): KubeObject {
  const annotations = config.metadata.annotations;
  if (annotations?.[annotation] === undefined) return config;
  const { [annotation]: _old, ...others } = annotations;
  return { ...config, metadata: { ...config.metadata, annotations: others } };
}

function readApplied(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const { value } = parseJson(text);
    return isMap(value) ? value : undefined;
  } catch (err) {
    if (err instanceof ApiError) return undefined;
    throw err;
  }
}
