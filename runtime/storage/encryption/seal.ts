import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import { RefusedError } from '#runtime/base/errors.ts';
import { fingerprintLength, type EncryptionKey, type EncryptionKeys } from './encryption-keys.ts';

/**
 * A sealed value:
 *
 *     'WCPS' | version 1 | length of key id | key id | fingerprint (8) | nonce (12) | ciphertext | tag (16)
 *
 * AES-256-GCM; the header and the storage key are authenticated with it, so a value does not open under another key of the store
 * (NIST SP 800-38D; random nonces are good for 2^32 values a key).
 */
const magic = Buffer.from('WCPS\x01');
const nonceLength = 12;
const tagLength = 16;

/** Encrypts with the first of the keys. */
export function seal(keys: EncryptionKeys, storageKey: string, plain: Buffer): Buffer {
  const [primary] = keys;
  const header = headerOf(primary);
  const nonce = randomBytes(nonceLength);
  const cipher = createCipheriv('aes-256-gcm', primary.secret, nonce, { authTagLength: tagLength });
  cipher.setAAD(Buffer.concat([header, Buffer.from(storageKey)]));
  return Buffer.concat([header, nonce, cipher.update(plain), cipher.final(), cipher.getAuthTag()]);
}

/**
 * Decrypts with whichever of the keys it was sealed with. RefusedError `EncryptionKeyMissing` when none is that one, `ValueTampered` when the
 * value was changed, moved from another key of the store, or never sealed.
 */
export function open(keys: readonly EncryptionKey[], storageKey: string, sealed: Buffer): Buffer {
  if (!isSealed(sealed))
    throw new RefusedError('ValueTampered', `The value of ${storageKey} is not encrypted, but must be.`);
  const key = keyOf(keys, sealed);
  if (key === undefined)
    throw new RefusedError(
      'EncryptionKeyMissing',
      `No key of the key file opens ${storageKey}: it names key ${JSON.stringify(keyNameOf(sealed))}.`,
    );
  const header = headerOf(key);
  const nonceEnd = header.length + nonceLength;
  const tagStart = sealed.length - tagLength;
  try {
    const nonce = sealed.subarray(header.length, nonceEnd);
    const decipher = createDecipheriv('aes-256-gcm', key.secret, nonce, { authTagLength: tagLength });
    decipher.setAAD(Buffer.concat([header, Buffer.from(storageKey)]));
    decipher.setAuthTag(sealed.subarray(tagStart));
    return Buffer.concat([decipher.update(sealed.subarray(nonceEnd, tagStart)), decipher.final()]);
  } catch (err) {
    throw new RefusedError('ValueTampered', `The value of ${storageKey} was changed or comes from another key.`, {
      cause: err,
    });
  }
}

/** Whether a value looks like one that `seal` made. No JSON text does. */
export function isSealed(value: Buffer): boolean {
  return value.length > magic.length && value.subarray(0, magic.length).equals(magic);
}

/** Whether the key that writes now has sealed this value. */
export function isSealedWithPrimary(keys: EncryptionKeys, value: Buffer): boolean {
  const header = headerOf(keys[0]);
  return value.subarray(0, header.length).equals(header);
}

function headerOf(key: EncryptionKey): Buffer {
  const id = Buffer.from(key.id, 'latin1');
  return Buffer.concat([magic, Buffer.from([id.length]), id, key.fingerprint]);
}

function keyOf(keys: readonly EncryptionKey[], sealed: Buffer): EncryptionKey | undefined {
  return keys.find((key) => {
    const header = headerOf(key);
    return sealed.length >= header.length + nonceLength + tagLength && sealed.subarray(0, header.length).equals(header);
  });
}

/** Which key a sealed value names: `<id> (<fingerprint>)`. */
export function keyNameOf(sealed: Buffer): string {
  const length = sealed[magic.length] ?? 0;
  const id = sealed.subarray(magic.length + 1, magic.length + 1 + Math.min(length, 63)).toString('latin1');
  const fingerprint = sealed
    .subarray(magic.length + 1 + length)
    .subarray(0, fingerprintLength)
    .toString('hex');
  return `${id} (${fingerprint})`;
}
