import { createHash, createSecretKey, type KeyObject } from 'node:crypto';
import { InvalidError, type FieldFault } from '#runtime/base/errors.ts';

/** A key for values at rest. Prints as nothing but its id: the key itself is held by node:crypto. */
export interface EncryptionKey {
  readonly id: string;
  readonly secret: KeyObject;
  /** Tells keys of one id apart without telling anything of them. */
  readonly fingerprint: Buffer;
}

/** The first one writes, all of them read. */
export type EncryptionKeys = readonly [EncryptionKey, ...EncryptionKey[]];

export const fingerprintLength = 8;

const idPattern = /^[A-Za-z0-9._-]{1,63}$/;
const base64Pattern = /^[A-Za-z0-9+/]{43}=$/;

/**
 * Reads a key file: one `keyId:base64` a line (32 bytes each), empty lines and `#` lines between. To rotate, put a new key first, rewrite,
 * then remove the old one. InvalidError names faulty lines, and never shows any of their text.
 */
export function parseKeyFile(text: string): EncryptionKeys {
  const keys: EncryptionKey[] = [];
  const faults: FieldFault[] = [];
  for (const [index, line] of text.split('\n').entries()) {
    const words = line.trim();
    if (words === '' || words.startsWith('#')) continue;
    const key = parseKeyLine(words);
    if (key === undefined) faults.push(fault(index, 'FieldValueInvalid', 'is not `keyId:` and 32 bytes in base64'));
    else if (keys.some((other) => other.id === key.id))
      faults.push(fault(index, 'FieldValueDuplicate', 'repeats a key id'));
    else keys.push(key);
  }
  const [first, ...others] = keys;
  if (first === undefined && faults.length === 0)
    faults.push(fault(0, 'FieldValueRequired', 'there is no key in the file'));
  if (first === undefined || faults.length > 0) throw new InvalidError(messageOf(faults), faults);
  return [first, ...others];
}

/** A key from its 32 bytes. */
export function encryptionKey(id: string, bytes: Buffer): EncryptionKey {
  return {
    id,
    secret: createSecretKey(bytes),
    fingerprint: createHash('sha256')
      .update('wcp360 key fingerprint\0')
      .update(bytes)
      .digest()
      .subarray(0, fingerprintLength),
  };
}

function parseKeyLine(line: string): EncryptionKey | undefined {
  const colon = line.indexOf(':');
  const id = line.slice(0, Math.max(0, colon));
  const encoded = line.slice(colon + 1);
  if (!idPattern.test(id) || !base64Pattern.test(encoded)) return undefined;
  return encryptionKey(id, Buffer.from(encoded, 'base64'));
}

function fault(index: number, reason: string, message: string): FieldFault {
  return { field: `line ${index + 1}`, reason, message };
}

function messageOf(faults: readonly FieldFault[]): string {
  return `The encryption key file cannot be used: ${faults.map(({ field, message }) => `${field} ${message}`).join('; ')}.`;
}
