import { ApiError, required } from '#runtime/base/errors.ts';
import type { KubeObject } from '#schemas/meta/object.ts';
import { kindMessages, messageSpecs } from './protobuf-schemas.ts';
import { readTables } from './protobuf-table.ts';
import type { Field, MessageTable } from './protobuf-table.ts';
import {
  bytesWire,
  fixed64Wire,
  malformed,
  readBytes,
  readDouble,
  readVarint,
  rest,
  skipField,
  varintWire,
} from './protobuf-wire.ts';
import type { Cursor } from './protobuf-wire.ts';
import { wrappers } from './protobuf-wrappers.ts';

/** "k8s" and a zero byte before the envelope (runtime.Unknown). */
export const protobufMagic: Uint8Array = Uint8Array.of(0x6b, 0x38, 0x73, 0x00);

const maxDepth = 100;

const envelopeSpecs = {
  Envelope: { typeMeta: '1 TypeMeta', raw: '2 slice', contentEncoding: '3', contentType: '4' },
  TypeMeta: { apiVersion: '1', kind: '2' },
};

/** The tables of all messages and of the wrappers, by the type names of the specs. */
export const protobufTables: ReadonlyMap<string, MessageTable> = readTables({
  ...messageSpecs,
  ...envelopeSpecs,
  ...Object.fromEntries(Object.entries(wrappers).map(([name, { spec }]) => [name, spec])),
});

/** Whether a body begins as Kubernetes' protobuf does, whatever its Content-Type says. */
export function isProtobuf(body: Uint8Array): boolean {
  return body.length >= protobufMagic.length && protobufMagic.every((byte, index) => body[index] === byte);
}

/**
 * Reads a body of `application/vnd.kubernetes.protobuf`: envelope, then the object of a built-in kind or DeleteOptions (which have no metadata).
 * The result is what the JSON body would have been: bytes as base64 text, times as RFC 3339, and fields absent where Go wrote a zero value that says
 * nothing (empty strings above all). Unknown fields are passed over. Throws ApiError 400 for broken bytes and for kinds that have no protobuf form.
 */
export function decodeProtobuf(body: Uint8Array): KubeObject {
  if (!isProtobuf(body))
    throw malformed('provided data does not appear to be a protobuf message, expected prefix [107 56 115 0]');
  const cursor: Cursor = { bytes: body, at: protobufMagic.length, end: body.length };
  const envelope = readMessage(cursor, tableOf('Envelope'), 0);
  const { apiVersion = '', kind = '' } = (envelope['typeMeta'] ?? {}) as {
    readonly apiVersion?: string;
    readonly kind?: string;
  };
  const message = messageOf(apiVersion, kind);
  const raw = (envelope['raw'] ?? { bytes: body, at: 0, end: 0 }) as Cursor;
  return { apiVersion, kind, ...readMessage(raw, tableOf(message), 0) } as unknown as KubeObject;
}

/** Our name for the message of a kind; ApiError 400 when it has none. */
export function messageOf(apiVersion: string, kind: string): string {
  const message = kind === 'DeleteOptions' ? kind : kindMessages[`${apiVersion}/${kind}`];
  if (message !== undefined) return message;
  throw new ApiError(400, 'BadRequest', `no kind "${kind}" is registered for version "${apiVersion}" in scheme`);
}

function tableOf(message: string): MessageTable {
  return required(protobufTables.get(message), `the protobuf message ${message}`);
}

function readMessage(cursor: Cursor, table: MessageTable, depth: number): Record<string, unknown> {
  if (depth > maxDepth) throw malformed('exceeded maximum recursion depth');
  const message: Record<string, unknown> = {};
  while (cursor.at < cursor.end) {
    const tag = readVarint(cursor);
    const field = table.byNumber[Math.floor(tag / 8)];
    if (field === undefined) skipField(cursor, tag & 7);
    else readField(message, cursor, { field, wireType: tag & 7, depth });
  }
  return message;
}

interface Place {
  readonly field: Field;
  readonly wireType: number;
  readonly depth: number;
}

function readField(message: Record<string, unknown>, cursor: Cursor, place: Place): void {
  const { name, shape, keepsZero } = place.field;
  if (shape === 'map') {
    const entries = (message[name] ??= {}) as Record<string, unknown>;
    readEntry(entries, cursor, place);
    return;
  }
  const value = readValue(cursor, place);
  if (shape === 'list') ((message[name] ??= []) as unknown[]).push(value ?? null);
  else if (value !== undefined && (keepsZero || !isZero(value))) message[name] = value;
}

/** An entry of a map is a message of its own: key 1, value 2; what is missing is the zero value. */
function readEntry(entries: Record<string, unknown>, cursor: Cursor, place: Place): void {
  if (place.wireType !== bytesWire) throw malformed('cannot parse invalid wire-format data');
  const entry = readBytes(cursor);
  let key = '';
  let value: unknown;
  while (entry.at < entry.end) {
    const tag = readVarint(entry);
    const number = Math.floor(tag / 8);
    if (number === 1) key = rest(readBytes(entry)).toString('utf8');
    else if (number === 2) value = readValue(entry, { ...place, wireType: tag & 7 });
    else skipField(entry, tag & 7);
  }
  const { type } = place.field;
  if (value === undefined) value = type === 'string' || type === 'bytes' ? '' : emptyOf(type);
  // A key "__proto__" is a key like any other.
  Object.defineProperty(entries, key, { value, enumerable: true, writable: true, configurable: true });
}

function emptyOf(type: string): unknown {
  return wrappers[type]?.unwrap({}) ?? {};
}

function readValue(cursor: Cursor, place: Place): unknown {
  const { type } = place.field;
  if (type === 'int' || type === 'bool') {
    if (place.wireType !== varintWire) throw malformed('cannot parse invalid wire-format data');
    const number = readVarint(cursor);
    return type === 'bool' ? number !== 0 : number;
  }
  if (type === 'double') {
    if (place.wireType !== fixed64Wire) throw malformed('cannot parse invalid wire-format data');
    return readDouble(cursor);
  }
  if (place.wireType !== bytesWire) throw malformed('cannot parse invalid wire-format data');
  return readDelimited(readBytes(cursor), place);
}

function readDelimited(part: Cursor, place: Place): unknown {
  const { type } = place.field;
  switch (type) {
    case 'string':
    case 'text':
      return rest(part).toString('utf8');
    case 'bytes':
      return rest(part).toString('base64');
    case 'slice':
      return part;
    default: {
      const message = readMessage(part, tableOf(type), place.depth + 1);
      const wrapper = wrappers[type];
      return wrapper === undefined ? message : wrapper.unwrap(message);
    }
  }
}

function isZero(value: unknown): boolean {
  return value === '' || value === 0 || value === false;
}
