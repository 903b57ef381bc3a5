import type { Difference } from './differences.ts';
import type { Said } from './play.ts';
import type { StreamRequest } from './request.ts';

/** A difference in the circumstances in which it came. */
export interface Finding {
  readonly request: StreamRequest;
  readonly difference: Difference;
  readonly theirs: Said;
  readonly ours: Said;
}

/** A kind of difference that is meant to be, and why. */
export interface Explanation {
  readonly reason: string;
  /** Requests that show it. */
  readonly example: readonly StreamRequest[];
  readonly matches: (finding: Finding) => boolean;
}

/** Whether the message is all that differs, and how. */
export function isMessage(theirs: RegExp, ours: RegExp): (finding: Finding) => boolean {
  return ({ difference }) =>
    /(?:^|\.)message$/u.test(difference.path) &&
    theirs.test(String(difference.theirs)) &&
    ours.test(String(difference.ours));
}

/** A watch that is refused has a Status for its only event. */
export function messageOf(said: Said): string {
  const body: unknown = Array.isArray(said.body) ? said.body[0] : said.body;
  return typeof body === 'object' && body !== null && 'message' in body ? String(body.message) : '';
}

export function causesOf({ body }: Said): readonly string[] {
  const { details } = body as { readonly details?: { readonly causes?: readonly unknown[] } };
  return (details?.causes ?? []).map((cause) => JSON.stringify(cause));
}

/** Causes that only they tell. */
export function ownCauses(theirs: Said, ours: Said): readonly string[] {
  const known = new Set(causesOf(ours));
  return causesOf(theirs).filter((cause) => !known.has(cause));
}

/** What was sent, as text. */
export function bodyOf({ body }: StreamRequest): string {
  return JSON.stringify(body ?? '');
}
