import { parseJson, stringifyJson } from './json.ts';
import type { MessageSpec } from './protobuf-table.ts';

/**
 * A message that JSON shows as something else than an object: a time is text, a quantity too.
 * `unwrap` gets the fields that were there; undefined means absent. `wrap` is its inverse.
 */
export interface Wrapper {
  readonly spec: MessageSpec;
  readonly unwrap: (message: Readonly<Record<string, unknown>>) => unknown;
  readonly wrap: (value: unknown) => Readonly<Record<string, unknown>>;
}

/** Every wrapper by the name that the tables use. */
export const wrappers: Readonly<Record<string, Wrapper>> = {
  Time: { spec: { seconds: '1 int!', nanos: '2 int' }, unwrap: (time) => timeText(time, 0), wrap: splitTime },
  MicroTime: { spec: { seconds: '1 int!', nanos: '2 int' }, unwrap: (time) => timeText(time, 6), wrap: splitTime },
  Quantity: { spec: { string: '1 string!' }, unwrap: ({ string }) => string, wrap: (string) => ({ string }) },
  StringList: { spec: { items: '1 []string' }, unwrap: ({ items }) => items ?? [], wrap: (items) => ({ items }) },
  RawJson: {
    spec: { raw: '1 text' },
    unwrap: ({ raw }) => (typeof raw === 'string' && raw !== '' ? parseJson(raw).value : undefined),
    wrap: (value) => ({ raw: stringifyJson(value) }),
  },
  IntOrString: {
    spec: { type: '1 int', intVal: '2 int', strVal: '3' },
    unwrap: ({ type, intVal, strVal }) => (type === 1 ? (strVal ?? '') : (intVal ?? 0)),
    wrap: (value) => (typeof value === 'string' ? { type: 1, strVal: value } : { type: 0, intVal: value }),
  },
  SchemaOrList: {
    spec: { schema: '1 JsonSchema', schemas: '2 []JsonSchema' },
    unwrap: ({ schema, schemas }) => schema ?? schemas,
    wrap: (value) => (Array.isArray(value) ? { schemas: value } : { schema: value }),
  },
  SchemaOrBoolean: {
    spec: { allows: '1 bool!', schema: '2 JsonSchema' },
    unwrap: ({ allows, schema }) => schema ?? allows ?? false,
    wrap: (value) => (typeof value === 'boolean' ? { allows: value } : { allows: true, schema: value }),
  },
};

/** RFC 3339 in UTC; an empty message is no time. */
function timeText(time: Readonly<Record<string, unknown>>, decimals: number): string | undefined {
  const { seconds, nanos = 0 } = time;
  if (typeof seconds !== 'number' || typeof nanos !== 'number') return undefined;
  if (Math.abs(seconds) > 8_640_000_000_000) return undefined;
  const whole = new Date(seconds * 1_000).toISOString().slice(0, 19);
  const fraction = decimals === 0 ? '' : `.${String(Math.floor(nanos)).padStart(9, '0').slice(0, decimals)}`;
  return `${whole}${fraction}Z`;
}

function splitTime(value: unknown): Readonly<Record<string, unknown>> {
  if (typeof value !== 'string') return {};
  const fraction = /\.(\d{1,9})/.exec(value)?.[1] ?? '';
  return { seconds: Math.floor(Date.parse(value) / 1_000), nanos: Number(fraction.padEnd(9, '0')) };
}
