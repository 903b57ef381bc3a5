import { createHash } from 'node:crypto';

/**
 * What the server keeps of a password for `mysql_native_password`: the one way to log in that every client of Debian knows. To be taken for a password of
 * many random characters: a short one can be found from it.
 */
export function nativeHash(password: string): string {
  return `*${sha1(sha1(password)).toString('hex').toUpperCase()}`;
}

function sha1(bytes: string | Buffer): Buffer {
  return createHash('sha1').update(bytes).digest();
}

/** How a mark knows hashes again, without holding them. */
export function verifierOf(hashes: readonly string[]): string {
  return createHash('sha256').update(hashes.join()).digest('hex');
}
