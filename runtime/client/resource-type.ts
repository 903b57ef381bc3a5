import { InvalidError } from '#runtime/base/errors.ts';
import type { KindDefinition } from '#schemas/meta/kind.ts';
import type { KubeObject } from '#schemas/meta/object.ts';
import type { ObjectKey, ResourceType } from './client.ts';

/** The collection in which objects of a kind live. */
export function resourceTypeOf(kind: KindDefinition): ResourceType {
  return {
    group: kind.group,
    version: kind.version,
    resource: kind.plural,
    kind: kind.kind,
    namespaced: kind.scope === 'Namespaced',
  };
}

/** `v1` or `hosting.wcp360.io/v1alpha1`. */
export function apiVersionOfType(type: ResourceType): string {
  return type.group === '' ? type.version : `${type.group}/${type.version}`;
}

/** Name and namespace of an object; cluster-scoped objects have no namespace in their key. */
export function keyOf(object: KubeObject): ObjectKey {
  const { name, namespace } = object.metadata;
  return namespace === undefined ? { name } : { namespace, name };
}

/** `acme/shop`, or `acme` for a cluster-scoped object: how a key stands in queues and maps. Names hold no slash. */
export function keyText(key: ObjectKey): string {
  return key.namespace === undefined || key.namespace === '' ? key.name : `${key.namespace}/${key.name}`;
}

/** The reverse of `keyText`. */
export function parseKeyText(text: string): ObjectKey {
  const slash = text.indexOf('/');
  return slash < 0 ? { name: text } : { namespace: text.slice(0, slash), name: text.slice(slash + 1) };
}

/** The URL path of a collection; of all namespaces when none is given. */
export function collectionPathOf(type: ResourceType, namespace?: string): string {
  const root = type.group === '' ? `/api/${type.version}` : `/apis/${type.group}/${type.version}`;
  return type.namespaced && namespace !== undefined && namespace !== ''
    ? `${root}/namespaces/${segment(namespace)}/${type.resource}`
    : `${root}/${type.resource}`;
}

/** The URL path of one object or of a subresource of it; InvalidError when a namespaced kind comes without a namespace. */
export function pathOf(type: ResourceType, key: ObjectKey, subresource?: string): string {
  if (type.namespaced && (key.namespace === undefined || key.namespace === '')) {
    throw fieldMissing(type, 'metadata.namespace');
  }
  if (key.name === '') throw fieldMissing(type, 'metadata.name');
  const path = `${collectionPathOf(type, key.namespace)}/${segment(key.name)}`;
  return subresource === undefined ? path : `${path}/${subresource}`;
}

function fieldMissing(type: ResourceType, field: string): InvalidError {
  return new InvalidError(`${type.kind} needs ${field}`, [
    { field, reason: 'FieldValueRequired', message: `${field} is required` },
  ]);
}

const plainSegment = /^[a-z0-9][a-z0-9.-]*$/;

// A name such as `..` must not climb out of its collection: URL parsers resolve it even when it is written %2e%2e.
function segment(text: string): string {
  if (plainSegment.test(text)) return text;
  if (text === '.' || text === '..' || text.includes('/')) {
    throw new InvalidError(`${JSON.stringify(text)} is not a name`, [
      { field: 'metadata.name', reason: 'FieldValueInvalid', message: 'may not be "." or ".." nor hold "/"' },
    ]);
  }
  return encodeURIComponent(text);
}
