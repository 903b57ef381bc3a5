import { RefusedError } from '#runtime/base/errors.ts';
import type { Seen } from './look.ts';

/** RefusedError for what is there and belongs to somebody else, which a plan that is older than that does not know. */
export function refuseForeign(
  found: Seen<unknown, unknown> | undefined,
  { name, owner }: { readonly name: string; readonly owner: string },
): void {
  if (found === undefined || found.owner === owner) return;
  throw new RefusedError('NameTaken', `PostgreSQL has ${name} already, and it belongs to somebody else.`);
}
