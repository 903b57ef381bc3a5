import { ApiError } from '#runtime/base/errors.ts';

/** A request target taken apart: the path as the router and authorization both see it, and the query. */
export interface RequestTarget {
  /** Decoded, `/`-joined, without a trailing slash; `/` for the root. */
  readonly path: string;
  readonly segments: readonly string[];
  readonly query: URLSearchParams;
}

// oxlint-disable-next-line no-control-regex -- control characters are exactly what is refused
const unsafeSegment = /[\u0000-\u001f\u007f/\\;]/u;

/**
 * Splits a request target so that there is one reading of it only: empty segments, `.` and `..`, encoded slashes and control characters are
 * refused (400) instead of being cleaned up, since a cleaned path may pass a check that the written one would not.
 */
export function parseTarget(url: string): RequestTarget {
  const mark = url.indexOf('?');
  const rawPath = mark === -1 ? url : url.slice(0, mark);
  const query = new URLSearchParams(mark === -1 ? '' : url.slice(mark + 1));
  if (rawPath === '/') return { path: '/', segments: [], query };
  if (!rawPath.startsWith('/')) throw badPath();
  const segments = segmentsOf(rawPath);
  return { path: `/${segments.join('/')}`, segments, query };
}

function segmentsOf(rawPath: string): readonly string[] {
  const parts = rawPath.slice(1).split('/');
  if (parts.at(-1) === '') parts.pop();
  const segments = rawPath.includes('%') ? parts.map(decodeSegment) : parts;
  if (segments.some(isUnsafe)) throw badPath();
  return segments;
}

function isUnsafe(segment: string): boolean {
  return segment === '' || segment === '.' || segment === '..' || unsafeSegment.test(segment);
}

function decodeSegment(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch (err) {
    throw badPath(err);
  }
}

function badPath(cause?: unknown): ApiError {
  return new ApiError(400, 'BadRequest', 'the request path is not in its plain form', { cause });
}
