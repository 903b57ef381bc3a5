import { leaf, subtractWhole, union } from './field-set.ts';
import type { FieldSet } from './field-set.ts';

/**
 * Which fields a request writes. The others are neither compared nor owned: a write to the main resource leaves `status` alone
 * when the kind has a status subresource, and one to `/status` leaves everything else alone.
 */
export interface Scope {
  /** A top-level field. */
  readonly only: string | undefined;
  /** With all that lies below. */
  readonly without: FieldSet | undefined;
}

/** `ignored` are fields that this endpoint resets, such as `status.certificate`; for `status` they are all but `status`. */
export function scopeOf(subresource: string, ignored: readonly string[] = []): Scope {
  const only = subresource === 'status' && ignored.length === 0 ? 'status' : undefined;
  return { only, without: ignored.map(pathSet).reduce(union, undefined) };
}

function pathSet(path: string): FieldSet {
  return path.split('.').reduceRight<FieldSet>((below, field) => ({ [`f:${field}`]: below }), leaf);
}

/** Whether a top-level field takes part, or at least something below it. `apiVersion` and `kind` never do. */
export function isInScope({ only, without }: Scope, field: string): boolean {
  if (field === 'apiVersion' || field === 'kind') return false;
  return only === undefined ? without?.[`f:${field}`] !== leaf : field === only;
}

/** Of fields whose top-level ones take part, those that do so themselves. */
export function fieldsInScope({ without }: Scope, fields: FieldSet | undefined): FieldSet | undefined {
  return subtractWhole(fields, without);
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
