import type { FieldFault } from '#runtime/base/errors.ts';
import { isEqual } from '#runtime/base/json.ts';
import { fault, faultsOfEach } from '#runtime/apiserver/http/api-errors.ts';
import { invalidValue } from '#runtime/apiserver/registry/names.ts';
import type { KubeObject } from '#schemas/meta/object.ts';
import { recordAt } from './fields.ts';

/** Rules that Secret and ConfigMap share. */
const maxBytes = 1024 * 1024;
const keyPattern = /^[-._a-zA-Z0-9]+$/u;
const keyText =
  "a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or 'KEY_NAME',  or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')";

export function dataKeyFaults(data: Readonly<Record<string, unknown>>, field: string): readonly FieldFault[] {
  return faultsOfEach(Object.keys(data), (key) => {
    const isGood = keyPattern.test(key) && key.length <= 253 && key !== '.' && !key.startsWith('..');
    return isGood ? [] : [invalidValue(`${field}[${key}]`, key, keyText)];
  });
}

/** Together at most 1 MiB, counted as written. */
export function sizeFaults(object: KubeObject, ...fields: readonly string[]): readonly FieldFault[] {
  let bytes = 0;
  for (const field of fields) {
    for (const value of Object.values(recordAt(object, field)))
      bytes += typeof value === 'string' ? Buffer.byteLength(value) : 0;
  }
  const allowed = fields.includes('binaryData') ? maxBytes : (maxBytes * 4) / 3 + 4;
  return bytes <= allowed
    ? []
    : [fault(fields[0] ?? '', 'FieldValueTooLong', `Too long: may not be more than ${maxBytes} bytes`)];
}

/** What `immutable: true` forbids: its own removal, and every change of the fields. */
export function immutableFaults(object: KubeObject, old: KubeObject, fields: readonly string[]): readonly FieldFault[] {
  if (old['immutable'] !== true) return [];
  const message = 'Forbidden: field is immutable when `immutable` is set';
  const changed = fields.filter((field) => !isEqual(recordAt(object, field), recordAt(old, field)));
  return [...(object['immutable'] === true ? [] : ['immutable']), ...changed].map((field) =>
    fault(field, 'FieldValueForbidden', message),
  );
}
