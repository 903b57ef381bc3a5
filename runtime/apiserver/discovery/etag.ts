import { createHash } from 'node:crypto';

/** The ETag of a body as discovery and OpenAPI give it: the SHA-512 in capital hexadecimal digits, in quotes. */
export function etagOf(body: string | Uint8Array): string {
  return `"${hashOf(body)}"`;
}

/** The same without quotes, for `?hash=` of OpenAPI v3. */
export function hashOf(body: string | Uint8Array): string {
  return createHash('sha512').update(body).digest('hex').toUpperCase();
}

/** Whether `If-None-Match` names this very ETag, so that 304 is the answer. */
export function matchesEtag(ifNoneMatch: string | undefined, etag: string): boolean {
  if (ifNoneMatch === undefined) return false;
  return ifNoneMatch.split(',').some((candidate) => candidate.trim().replace(/^W\//, '') === etag);
}
