import { invalid } from '#runtime/apiserver/http/api-errors.ts';
import type { UserInfo } from '#runtime/apiserver/operations.ts';
import type { ApiError, FieldFault } from '#runtime/base/errors.ts';
import { isRecord } from '#runtime/base/json.ts';
import type { KubeObject } from '#schemas/meta/object.ts';

/** A create of a kind that is answered and not stored. `name` is that of the parent for a subresource (`serviceaccounts/token`). */
export interface ReviewRequest {
  readonly user: UserInfo;
  readonly namespace: string;
  readonly name: string;
  readonly object: KubeObject;
  readonly dryRun?: boolean;
}

/** Answers one review: the object with its status. Errors: ApiError 4xx. */
export type ReviewHandler = (request: ReviewRequest) => Promise<KubeObject>;

/** The object's spec, or an empty record. */
export function specOf(object: KubeObject): Readonly<Record<string, unknown>> {
  return isRecord(object['spec']) ? object['spec'] : {};
}

/** A field that should be text; anything else counts as absent. */
export function textOf(record: Readonly<Record<string, unknown>>, field: string): string {
  const value = record[field];
  return typeof value === 'string' ? value : '';
}

/** A field that should be a list of texts; what is not text is left out. */
export function textsOf(record: Readonly<Record<string, unknown>>, field: string): readonly string[] {
  const value = record[field];
  return Array.isArray(value) ? value.filter((entry) => typeof entry === 'string') : [];
}

/** The review with `status`, everything else echoed. */
export function answered(request: ReviewRequest, status: Readonly<Record<string, unknown>>): KubeObject {
  return { ...request.object, status };
}

/** The 422 of one faulty field. */
export function invalidReview(object: KubeObject, group: string, fault: FieldFault): ApiError {
  return invalid({ group, resource: '', kind: object.kind }, object.metadata.name ?? '', [fault]);
}
