import { isRecord } from '#runtime/base/json.ts';

/** One value that is not the same in two answers. */
export interface Difference {
  /** Such as `body.metadata.labels.a` or `body.items[0].kind`. */
  readonly path: string;
  readonly theirs: unknown;
  readonly ours: unknown;
}

/** Everything in which two values differ, as deep as they can be compared. */
export function differencesOf(theirs: unknown, ours: unknown, path = ''): readonly Difference[] {
  if (Object.is(theirs, ours)) return [];
  if (Array.isArray(theirs) && Array.isArray(ours) && theirs.length === ours.length) {
    return theirs.flatMap((each, index) => differencesOf(each, ours[index], `${path}[${index}]`));
  }
  if (isRecord(theirs) && isRecord(ours)) {
    return [...new Set([...Object.keys(theirs), ...Object.keys(ours)])].flatMap((key) =>
      differencesOf(theirs[key], ours[key], path === '' ? key : `${path}.${key}`),
    );
  }
  return [{ path, theirs, ours }];
}
