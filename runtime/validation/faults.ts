import type { FieldFault } from '#runtime/base/errors.ts';

/**
 * Field errors in the words of the Kubernetes API (apimachinery, util/validation/field). A fault's `message` is what stands in
 * `Status.details.causes[].message`; the sentence for people is `<field>: <message>`. `undefined` as a value leaves it out of the words.
 */

/** A value that breaks a rule; `detail` says which. */
export function invalid(field: string, value: unknown, detail: string): FieldFault {
  return { field, reason: 'FieldValueInvalid', message: `Invalid value: ${valueAndDetail(value, detail)}` };
}

/** A value of the wrong type. */
export function typeInvalid(field: string, value: unknown, detail: string): FieldFault {
  return { field, reason: 'FieldValueTypeInvalid', message: `Invalid value: ${valueAndDetail(value, detail)}` };
}

/** A field that must be there. */
export function requiredValue(field: string, detail = ''): FieldFault {
  return {
    field,
    reason: 'FieldValueRequired',
    message: detail === '' ? 'Required value' : `Required value: ${detail}`,
  };
}

/** A value that is not one of those that there are. */
export function notSupported(field: string, value: unknown, supported: readonly unknown[]): FieldFault {
  const words = supported.map((word) => JSON.stringify(typeof word === 'string' ? word : JSON.stringify(word)));
  const tail = words.length === 0 ? '' : `: supported values: ${words.join(', ')}`;
  return { field, reason: 'FieldValueNotSupported', message: `Unsupported value: ${printed(value)}${tail}` };
}

/** A value that may stand only once. */
export function duplicate(field: string, value: unknown): FieldFault {
  return { field, reason: 'FieldValueDuplicate', message: `Duplicate value: ${printed(value)}` };
}

/** A value that may not be there at all, or not be changed. */
export function forbidden(field: string, detail: string): FieldFault {
  return { field, reason: 'FieldValueForbidden', message: `Forbidden: ${detail}` };
}

/** A string longer than `maxLength`. */
export function tooLong(field: string, maxLength: number): FieldFault {
  return { field, reason: 'FieldValueTooLong', message: `Too long: may not be more than ${maxLength} bytes` };
}

/** A list or map with more than `max` entries. */
export function tooMany(field: string, count: number, max: number): FieldFault {
  return { field, reason: 'FieldValueTooMany', message: `Too many: ${count}: must have at most ${max} items` };
}

/** The name of a JSON type, as it stands in error words. */
export function typeNameOf(value: unknown): string {
  if (value === null || value === undefined) return 'null';
  if (Array.isArray(value)) return 'array';
  if (typeof value === 'number') return Number.isInteger(value) ? 'integer' : 'number';
  return typeof value === 'bigint' ? 'integer' : typeof value;
}

function valueAndDetail(value: unknown, detail: string): string {
  return value === undefined ? detail : `${printed(value)}: ${detail}`;
}

/** Longest text of a value inside a message. The wire has no bound, but a status line of a megabyte helps nobody. */
const MAX_PRINTED_CHARS = 1_024;

function printed(value: unknown): string {
  const text = JSON.stringify(value) ?? 'null';
  return text.length <= MAX_PRINTED_CHARS ? text : `${text.slice(0, MAX_PRINTED_CHARS)}…`;
}
