import { rfc3339 } from '#runtime/base/clock.ts';
import { AcmeProblem } from '#runtime/base/errors.ts';
import type { SecretContent } from '#controllers/secret-store.ts';
import type { Look } from './looking.ts';
import type { Revoked } from './notes.ts';
import type { Revocation } from './revocation.ts';

/** Tells the CA that the certificate in the Secret is not to be trusted. Twice is as once. AcmeProblem when the CA can be told later. */
export async function revokePresent(
  { accounts, client, cache, clock, order }: Look,
  { serialNumber, reasonCode }: Revocation,
  present: SecretContent | undefined,
): Promise<Revoked> {
  const told = { serialNumber, time: rfc3339(clock.now()) };
  if (order.issuer.spec.acme === undefined)
    return { ...told, problem: 'The issuer tells nobody what it has revoked: it is only replaced.' };
  const account = await accounts.of(order.issuer, client, cache);
  try {
    await account.revoke(present?.values['tls.crt'] ?? '', reasonCode);
    return told;
  } catch (err) {
    if (!(err instanceof AcmeProblem) || passing.has(err.type)) throw err;
    // Whatever the CA says of it, its key is in wrong hands, and it is to be replaced.
    return err.type === 'alreadyRevoked' ? told : { ...told, problem: err.message };
  }
}

const passing: ReadonlySet<string> = new Set(['connection', 'rateLimited', 'serverInternal']);
