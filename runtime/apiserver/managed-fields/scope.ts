/**
 * Which top-level fields a request writes. The others are neither compared nor owned: a write to the main resource leaves `status` alone
 * when the kind has a status subresource, and one to `/status` leaves everything else alone.
 */
export interface Scope {
  readonly only: string | undefined;
  readonly without: readonly string[];
}

/** `ignored` are top-level fields that this endpoint resets; for `status` they are all but `status`. */
export function scopeOf(subresource: string, ignored: readonly string[] = []): Scope {
  return { only: subresource === 'status' && ignored.length === 0 ? 'status' : undefined, without: ignored };
}

/** Whether a top-level field takes part. `apiVersion` and `kind` never do. */
export function isInScope(scope: Scope, field: string): boolean {
  if (field === 'apiVersion' || field === 'kind') return false;
  return scope.only === undefined ? !scope.without.includes(field) : field === scope.only;
}

const unowned: ReadonlySet<string> = new Set([
  'name',
  'namespace',
  'creationTimestamp',
  'selfLink',
  'uid',
  'clusterName',
  'generation',
  'managedFields',
  'resourceVersion',
]);

/** Whether a field of `metadata` can be owned: not what names the object, and not what the server keeps for itself. */
export function isOwnedMetadata(field: string): boolean {
  return !unowned.has(field);
}
