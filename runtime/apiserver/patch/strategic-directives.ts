import { ApiError } from '#runtime/base/errors.ts';

/** `replace`, `delete` or `merge`, in an object or in an item of a list. */
export const patchDirective = '$patch';

/** The only fields of the original that stay. */
export const retainKeys = '$retainKeys';

/** The order in which the client wants the items of a list; the list's name follows. */
export const setElementOrder = '$setElementOrder/';

/** Values to take out of a list of scalars; the list's name follows. */
export const deleteFromList = '$deleteFromPrimitiveList/';

/** A patch that cannot be meant: ApiError 400. */
export function badPatch(message: string): ApiError {
  return new ApiError(400, 'BadRequest', message);
}
