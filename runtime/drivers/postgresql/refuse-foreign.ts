import { RefusedError } from '#runtime/base/errors.ts';
import { mayHave, type Claimant } from '#runtime/drivers/databases/model.ts';
import type { Seen } from './look.ts';

/** RefusedError for what is there and belongs to somebody else, which a plan that is older than that does not know. */
export function refuseForeign(found: Seen<unknown, unknown> | undefined, claimant: Claimant): void {
  if (found === undefined) return;
  if (found.owner === null ? claimant.adopts === true : mayHave(claimant, found.owner)) return;
  throw new RefusedError('NameTaken', `PostgreSQL has ${claimant.name} already, and it belongs to somebody else.`);
}
