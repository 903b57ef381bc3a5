import { RefusedError } from '#runtime/base/errors.ts';

const keyBytes = 32;

/**
 * Keys for Secrets at rest from the text of a key file: one key a line, 32 bytes in base64; the first one writes, all of them read, so that a new key is put on
 * top to rotate. Empty lines and lines that begin with `#` are skipped.
 * Errors: RefusedError for any other line: a key that is left out by mistake makes Secrets unreadable.
 */
export function readEncryptionKeys(text: string): readonly Buffer[] {
  const lines = text.split('\n').map((line) => line.trim());
  return lines
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => {
      const key = Buffer.from(line, 'base64');
      if (key.length !== keyBytes || key.toString('base64') !== line) {
        throw new RefusedError(
          'EncryptionKeyUnreadable',
          'A line of the encryption key file is not 32 bytes in base64.',
        );
      }
      return key;
    });
}
