import { ApiError } from '#runtime/base/errors.ts';
import { ManifestError } from './manifest.ts';
import { subjectOf, type Target } from './target.ts';

/** What the quota admission of Kubernetes says of a quota whose use nobody has counted yet; its Status carries no cause to go by. */
const uncounted = /: status unknown for quota: /;

/** True for the answer to a write into a namespace that is being made: not there yet, or with a quota that is not counted yet. */
export function isNamespaceUnready(err: unknown): boolean {
  if (!(err instanceof ApiError)) return false;
  const isMissing = err.status === 404 && err.details.kind === 'namespaces';
  return isMissing || (err.status === 403 && uncounted.test(err.message));
}

/** True for the answer to a write of a kind whose definition has not taken effect. */
export function isNotServed(err: unknown): boolean {
  return err instanceof ApiError && err.status === 404 && err.details.name === undefined;
}

/** What a server answers that is overloaded or on its way down; it says nothing about a manifest. */
const passing: readonly number[] = [429, 502, 503, 504];

/** The error with file, line and object in front of each of its faults. What is not about the manifest stays what it is. */
export function located(err: unknown, target: Target): Error {
  if (!(err instanceof ApiError) || err.status === 401 || passing.includes(err.status))
    return err instanceof Error ? err : new Error(String(err));
  const messages =
    err.reason === 'Invalid' && err.faults.length > 0
      ? err.faults.map(({ field, message }) => `${field}: ${message}`)
      : [err.message];
  const faults = messages.map((message) => ({
    source: target.manifest.source,
    message: `${subjectOf(target)}: ${message}`,
  }));
  return new ManifestError(faults, { cause: err });
}
