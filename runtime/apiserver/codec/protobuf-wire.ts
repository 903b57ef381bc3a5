import { ApiError } from '#runtime/base/errors.ts';

/** Wire types of protobuf's encoding (protobuf.dev, "Encoding"). */
export const varintWire = 0;
export const fixed64Wire = 1;
export const bytesWire = 2;
export const fixed32Wire = 5;

/** A place in a message. `end` is exclusive; nested messages read the same bytes with their own cursor. */
export interface Cursor {
  readonly bytes: Uint8Array;
  at: number;
  readonly end: number;
}

/** What stands where a message cannot be read: ApiError 400. */
export function malformed(detail: string): ApiError {
  return new ApiError(400, 'BadRequest', `proto: ${detail}`);
}

/** An unsigned varint below 2^53; larger ones (negative int64) come as the negative number they stand for. */
export function readVarint(cursor: Cursor): number {
  let value = 0;
  let scale = 1;
  for (let index = 0; index < 7; index += 1) {
    const byte = readByte(cursor);
    value += (byte & 0x7f) * scale;
    if (byte < 0x80) return value;
    scale *= 0x80;
  }
  return readLongVarint(cursor, BigInt(value));
}

/** A nested cursor over the length-delimited field that begins here; moves past it. */
export function readBytes(cursor: Cursor): Cursor {
  const length = readVarint(cursor);
  const start = cursor.at;
  if (length < 0 || start + length > cursor.end) throw malformed('unexpected EOF');
  cursor.at = start + length;
  return { bytes: cursor.bytes, at: start, end: start + length };
}

export function readDouble(cursor: Cursor): number {
  skipBytes(cursor, 8);
  return new DataView(cursor.bytes.buffer, cursor.bytes.byteOffset + cursor.at - 8, 8).getFloat64(0, true);
}

/** Moves past a field that nobody knows. */
export function skipField(cursor: Cursor, wireType: number): void {
  if (wireType === varintWire) readVarint(cursor);
  else if (wireType === fixed64Wire) skipBytes(cursor, 8);
  else if (wireType === bytesWire) readBytes(cursor);
  else if (wireType === fixed32Wire) skipBytes(cursor, 4);
  else throw malformed('cannot parse invalid wire-format data');
}

/** The bytes of a cursor as a Buffer over the same memory. */
export function rest(cursor: Cursor): Buffer {
  return Buffer.from(cursor.bytes.buffer, cursor.bytes.byteOffset + cursor.at, cursor.end - cursor.at);
}

function readByte(cursor: Cursor): number {
  if (cursor.at >= cursor.end) throw malformed('unexpected EOF');
  const byte = cursor.bytes[cursor.at] ?? 0;
  cursor.at += 1;
  return byte;
}

function readLongVarint(cursor: Cursor, low: bigint): number {
  let value = low;
  for (let shift = 49n; shift < 70n; shift += 7n) {
    const byte = readByte(cursor);
    value |= BigInt(byte & 0x7f) << shift;
    if (byte < 0x80) return Number(BigInt.asIntN(64, value));
  }
  throw malformed('integer overflow');
}

function skipBytes(cursor: Cursor, count: number): void {
  if (cursor.at + count > cursor.end) throw malformed('unexpected EOF');
  cursor.at += count;
}
