import type { GrantChange } from './grants.ts';
import type { Server } from './server.ts';
import { grant, revoke, type Account } from './statements.ts';

/** First what is missing: a row that is left without any privilege is gone, and nothing can be taken from it. */
export async function changeGrant(
  server: Server,
  login: Account,
  { pattern, missing, surplus }: GrantChange,
): Promise<void> {
  if (missing.length > 0) await server.tell(grant(missing, pattern, login));
  if (surplus.length > 0) await server.tell(revoke(surplus, pattern, login));
}
