import { required } from '#runtime/base/errors.ts';
import { isMap } from './exact-number.ts';
import type { Field } from './protobuf-table.ts';
import { bytesWire, fixed64Wire, varintWire } from './protobuf-wire.ts';
import { wrappers } from './protobuf-wrappers.ts';
import { messageOf, protobufMagic, protobufTables } from './protobuf.ts';

/**
 * Writes an object of a built-in kind (or DeleteOptions) as Kubernetes' protobuf, envelope included: the inverse of decodeProtobuf.
 * Fields that the tables do not know are left out; absent fields are not written.
 */
export function encodeProtobuf(object: { readonly apiVersion: string; readonly kind: string }): Uint8Array {
  const { apiVersion, kind } = object;
  const raw = encodeMessage(object, messageOf(apiVersion, kind));
  const envelope = encodeMessage({ typeMeta: { apiVersion, kind }, raw }, 'Envelope');
  return Buffer.concat([protobufMagic, envelope]);
}

function encodeMessage(message: object, type: string): Uint8Array {
  const { fields } = required(protobufTables.get(type), `the protobuf message ${type}`);
  const record = message as Readonly<Record<string, unknown>>;
  return Buffer.concat(fields.flatMap((field) => encodeField(field, record[field.name])));
}

function encodeField(field: Field, value: unknown): readonly Uint8Array[] {
  if (value === undefined || value === null) return [];
  if (field.shape === 'list')
    return (value as readonly unknown[]).flatMap((item) => encodeValue(field.number, field.type, item));
  if (field.shape === 'single') return encodeValue(field.number, field.type, value);
  return Object.entries(isMap(value) ? value : {}).map(([key, part]) => {
    const entry = [...encodeValue(1, 'string', key), ...encodeValue(2, field.type, part)];
    return delimited(field.number, Buffer.concat(entry));
  });
}

function encodeValue(number: number, type: string, value: unknown): readonly Uint8Array[] {
  if (type === 'int') return [tag(number, varintWire), varint(BigInt(Math.trunc(Number(value))))];
  if (type === 'bool') return [tag(number, varintWire), varint(value === true ? 1n : 0n)];
  if (type !== 'double') return [delimited(number, encodeDelimited(type, value))];
  const bytes = Buffer.alloc(8);
  bytes.writeDoubleLE(Number(value));
  return [tag(number, fixed64Wire), bytes];
}

function encodeDelimited(type: string, value: unknown): Uint8Array {
  switch (type) {
    case 'slice':
      return value as Uint8Array;
    case 'bytes':
      return Buffer.from(String(value), 'base64');
    case 'string':
    case 'text':
      return Buffer.from(String(value), 'utf8');
    default:
      return encodeMessage(wrappers[type]?.wrap(value) ?? (value as object), type);
  }
}

function delimited(number: number, bytes: Uint8Array): Uint8Array {
  return Buffer.concat([tag(number, bytesWire), varint(BigInt(bytes.length)), bytes]);
}

function tag(number: number, wireType: number): Uint8Array {
  return varint(BigInt(number * 8 + wireType));
}

function varint(value: bigint): Uint8Array {
  const bytes: number[] = [];
  let left = BigInt.asUintN(64, value);
  while (left > 0x7fn) {
    bytes.push(Number(left & 0x7fn) | 0x80);
    left >>= 7n;
  }
  bytes.push(Number(left));
  return Uint8Array.from(bytes);
}
