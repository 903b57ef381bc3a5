import { InvalidError } from '#runtime/base/errors.ts';

/** One value in DER (X.690): its tag, its content, and all of its bytes. */
export interface DerValue {
  readonly tag: number;
  readonly content: Buffer;
  readonly whole: Buffer;
}

export const derTags = {
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  objectId: 0x06,
  utf8String: 0x0c,
  printableString: 0x13,
  sequence: 0x30,
  set: 0x31,
  context0: 0xa0,
} as const;

const longestLength = 3;

/** The one value that these bytes are. InvalidError when they are none, or go on after it. */
export function readDer(bytes: Buffer, tag: number): DerValue {
  const [value, ...more] = readDerList(bytes);
  if (value === undefined || more.length > 0) throw malformed();
  return requireTag(value, tag);
}

/** The values that stand one after the other: the content of a sequence or a set. */
export function readDerList(bytes: Buffer): readonly DerValue[] {
  const values: DerValue[] = [];
  for (let at = 0; at < bytes.length;) {
    const value = readOne(bytes.subarray(at));
    values.push(value);
    at += value.whole.length;
  }
  return values;
}

/** The value when it has the tag. InvalidError otherwise. */
export function requireTag(value: DerValue | undefined, tag: number): DerValue {
  if (value?.tag !== tag) throw malformed();
  return value;
}

/** `1.2.840.10045.4.3.2` */
export function objectIdOf(value: DerValue | undefined): string {
  const { content } = requireTag(value, derTags.objectId);
  const numbers: number[] = [];
  let number = 0;
  for (const byte of content) {
    number = number * 128 + (byte & 0x7f);
    if (byte < 0x80) {
      numbers.push(number);
      number = 0;
    }
  }
  const [first = 0, ...rest] = numbers;
  const top = Math.min(2, Math.floor(first / 40));
  return [top, first - top * 40, ...rest].join('.');
}

function readOne(bytes: Buffer): DerValue {
  const [tag] = bytes;
  const head = readLength(bytes.subarray(1));
  if (tag === undefined || head === undefined || (tag & 0x1f) === 0x1f) throw malformed();
  const end = 1 + head.size + head.length;
  if (end > bytes.length) throw malformed();
  return { tag, content: bytes.subarray(1 + head.size, end), whole: bytes.subarray(0, end) };
}

/** How long the content is, and how many bytes say so. Undefined unless it is said in the shortest way: others read longer ones otherwise. */
function readLength(bytes: Buffer): { readonly length: number; readonly size: number } | undefined {
  const [first] = bytes;
  if (first === undefined) return undefined;
  if (first < 0x80) return { length: first, size: 1 };
  const size = first - 0x80;
  if (size === 0 || size > longestLength || size >= bytes.length) return undefined;
  const length = bytes.readUIntBE(1, size);
  return length >= 0x80 && length >= 256 ** (size - 1) ? { length, size: 1 + size } : undefined;
}

function malformed(): InvalidError {
  return new InvalidError('the bytes are not DER of the form that is expected here', []);
}
