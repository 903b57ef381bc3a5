import { isMap } from '#runtime/apiserver/codec/exact-number.ts';
import { setField } from './set-field.ts';

/**
 * RFC 7386: a field of the patch replaces the document's, objects are merged, null deletes, lists are replaced as a whole.
 * Neither argument is changed; parts that the patch does not touch are shared with the document. Nulls inside new objects are dropped too.
 */
export function applyMergePatch(document: unknown, patch: unknown): unknown {
  if (!isMap(patch)) return patch;
  const merged: Record<string, unknown> = isMap(document) ? { ...document } : {};
  for (const key of Object.keys(patch)) {
    const part = patch[key];
    if (part === null) delete merged[key];
    else setField(merged, key, applyMergePatch(Object.hasOwn(merged, key) ? merged[key] : undefined, part));
  }
  return merged;
}
