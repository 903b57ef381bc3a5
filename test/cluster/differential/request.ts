import type { ComparedKind } from './kinds.ts';

/**
 * A request as both servers get it. Texts in it may hold `{namespace}` (the stream's own), and what each server gave itself: `{now}` and `{before}`, the
 * newest and the oldest resourceVersion seen of the object; `{uid}`, or `{uid:KEY}` of the object
 * that `keyOf` calls so; `{list}`, the resourceVersion of the last list; `{next}`, how that list goes on.
 */
export interface StreamRequest {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  readonly kind: ComparedKind;
  /** Absent: the collection. */
  readonly name?: string;
  /** Such as `status`, of the object that is named. */
  readonly subresource?: string;
  /** Where; the stream's own namespace when absent, no namespace when null. */
  readonly namespace?: string | null;
  readonly query: Readonly<Record<string, string>>;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: Body;
}

/** What is sent: a value, a text that is none, or the object as it was seen last with changes to it (a merge patch). */
export type Body = { readonly value: unknown } | { readonly text: string } | { readonly change: unknown };

/** Whether a request is for a watch, which ends when the stream does. */
export function isWatch({ query }: StreamRequest): boolean {
  return query['watch'] === 'true' || query['watch'] === '1';
}

/** Whether nothing of it is stored. */
export function isDry({ query }: StreamRequest): boolean {
  return query['dryRun'] === 'All';
}
