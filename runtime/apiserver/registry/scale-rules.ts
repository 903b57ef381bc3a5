import type { FieldFault } from '#runtime/base/errors.ts';
import { isInteger, isMap, numberOf } from '#runtime/apiserver/codec/exact-number.ts';
import type { KubeObject } from '#schemas/meta/object.ts';
import { invalidValue } from './names.ts';
import type { ScalePaths } from './resource.ts';

const maxReplicas = 2 ** 31 - 1;

/** A scale is a number that its kind can hold, and its selector a text, whatever the schema says. */
export function scaleFaults(paths: ScalePaths | undefined, object: KubeObject): readonly FieldFault[] {
  if (paths === undefined) return [];
  const { specReplicas, statusReplicas, labelSelector = [] } = paths;
  return [
    ...[specReplicas, statusReplicas].flatMap((path) => replicaFaults(path, object)),
    ...(labelSelector.length === 0 ? [] : accessFaults(labelSelector, object, { type: 'string', zero: '' })),
  ];
}

function replicaFaults(path: readonly string[], object: KubeObject): readonly FieldFault[] {
  const faults = accessFaults(path, object, { type: 'int64', zero: 0 });
  const value = valueAt(path, object);
  const replicas = numberOf(value) ?? 0;
  const field = textOf(path);
  if (faults.length > 0) return faults;
  if (replicas < 0) return [invalidValue(field, value, 'should be a non-negative integer')];
  return replicas > maxReplicas ? [invalidValue(field, value, `should be less than or equal to ${maxReplicas}`)] : [];
}

/** As Kubernetes spells it where it wants one; Go itself has a space in it. */
const mapType = 'map[string]interface{}';

/** What cannot be read is told in the words of Kubernetes, which name the types of Go. */
function accessFaults(
  path: readonly string[],
  object: KubeObject,
  wanted: { readonly type: string; readonly zero: unknown },
): readonly FieldFault[] {
  const depth = path.findIndex((_, index) => !isMap(valueAt(path.slice(0, index), object)));
  const [reached, type] = depth === -1 ? [path, wanted.type] : [path.slice(0, depth), mapType];
  const value = valueAt(reached, object);
  if (value === undefined || value === null || goTypeOf(value) === type) return [];
  const shown = textOf(path.slice(0, reached.length + (depth === -1 ? 0 : 1)));
  const given = typeof value === 'string' ? value : JSON.stringify(value);
  const why = `${shown} accessor error: ${given} is of the type ${goTypeOf(value)}, expected ${type}`;
  return [invalidValue(textOf(path), wanted.zero, why)];
}

function valueAt(path: readonly string[], object: KubeObject): unknown {
  return path.reduce<unknown>((part, field) => (isMap(part) ? part[field] : undefined), object);
}

function textOf(path: readonly string[]): string {
  return `.${path.join('.')}`;
}

function goTypeOf(value: unknown): string {
  if (Array.isArray(value)) return '[]interface {}';
  if (isMap(value)) return 'map[string]interface {}';
  if (typeof value === 'boolean') return 'bool';
  if (typeof value === 'string') return 'string';
  return isInteger(value) ? 'int64' : 'float64';
}
