import { rfc3339, type Clock } from '#runtime/base/clock.ts';
import { AcmeProblem } from '#runtime/base/errors.ts';
import type { RenewalWindow } from '#runtime/acme/account.ts';
import type { Client } from '#runtime/client/client.ts';
import type { Owner } from '#runtime/drivers/driver.ts';
import type { Cache } from '#runtime/manager/cache.ts';
import type { CertificateFacts } from '#runtime/pki/server-certificate.ts';
import type { AcmeAccounts } from '#controllers/acme-accounts.ts';
import type { CertificateOrder, Standing } from './model.ts';
import { renewalTimeOf } from './renewal.ts';

interface Checking {
  readonly facts: CertificateFacts | undefined;
  readonly owner: Owner;
  readonly order: CertificateOrder;
  readonly accounts: AcmeAccounts;
  readonly client: Client;
  readonly cache: Cache;
  readonly clock: Clock;
}

const hourMs = 3_600_000;
/** How often a CA is asked; it may say otherwise within these (RFC 9773 §4.3). */
const checkMs = { least: hourMs, usual: 6 * hourMs, most: 24 * hourMs };

/** What stands, with the time of its renewal: as the CA suggests, where it does. A CA that does not answer now is asked later; renewal does not wait for it. */
export async function withRenewal(standing: Standing, checking: Checking): Promise<Standing> {
  const { facts, order, owner, clock } = checking;
  if (facts === undefined) return standing;
  const known = standing.renewalTime !== undefined && !isPast(standing.renewalCheckTime, clock.now());
  if (known) return standing;
  const window = await suggestedWindow(facts, checking);
  const { renewBeforeMs } = order;
  const renewalTime = renewalTimeOf(facts, { renewBeforeMs, window, seed: owner.uid });
  const { renewalCheckTime: _, ...rest } = standing;
  const nextMs = Math.min(Math.max(window?.freshMs ?? checkMs.usual, checkMs.least), checkMs.most);
  return {
    ...rest,
    renewalTime: rfc3339(renewalTime),
    ...(order.issuer.spec.acme === undefined ? {} : { renewalCheckTime: rfc3339(clock.now() + nextMs) }),
  };
}

async function suggestedWindow(
  { renewalId }: CertificateFacts,
  { order, accounts, client, cache }: Checking,
): Promise<RenewalWindow | undefined> {
  if (order.issuer.spec.acme === undefined || renewalId === undefined) return undefined;
  try {
    return await (await accounts.of(order.issuer, client, cache)).renewalWindow(renewalId);
  } catch (err) {
    if (err instanceof AcmeProblem) return undefined;
    throw err;
  }
}

function isPast(time: string | undefined, nowMs: number): boolean {
  return time !== undefined && nowMs >= Date.parse(time);
}
