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
  /** Whether what stands was found for this spec: how long before its end it is renewed may be another time now. */
  readonly isSameSpec: boolean;
}

const hourMs = 3_600_000;
/** How often a CA is asked; it may say otherwise within these (RFC 9773 §4.3). */
const checkMs = { least: hourMs, usual: 6 * hourMs, most: 24 * hourMs };

/**
 * What stands, with the time of its renewal: as the CA suggests, where it does. A CA that does not answer now, or makes no sense, is asked later: what it suggested
 * before holds, and renewal does not wait for it.
 */
export async function withRenewal(standing: Standing, checking: Checking): Promise<Standing> {
  const { facts, order, owner, clock, isSameSpec } = checking;
  if (facts === undefined) return standing;
  const { renewalCheckTime, ...rest } = standing;
  const before = isSameSpec ? standing.renewalTime : undefined;
  if (before !== undefined && !isPast(renewalCheckTime, clock.now())) return standing;
  const suggestion = await suggestionFor(facts, checking);
  const { renewBeforeMs } = order;
  const told = { renewBeforeMs, window: suggestion?.window, seed: owner.uid };
  const isKept = suggestion?.isFailed === true && before !== undefined;
  const renewalTime = isKept ? before : rfc3339(renewalTimeOf(facts, told));
  if (suggestion === undefined) return { ...rest, renewalTime };
  return { ...rest, renewalTime, renewalCheckTime: rfc3339(clock.now() + suggestion.nextMs) };
}

interface Suggestion {
  readonly window?: RenewalWindow | undefined;
  readonly isFailed?: boolean;
  /** When the CA is asked again, in ms from now. */
  readonly nextMs: number;
}

/** `undefined`: there is nobody to ask. */
async function suggestionFor(
  { renewalId }: CertificateFacts,
  { order, accounts, client, cache }: Checking,
): Promise<Suggestion | undefined> {
  if (order.issuer.spec.acme === undefined) return undefined;
  if (renewalId === undefined) return { nextMs: checkMs.usual };
  try {
    const window = await (await accounts.of(order.issuer, client, cache)).renewalWindow(renewalId);
    return { window, nextMs: within(window?.freshMs ?? checkMs.usual) };
  } catch (err) {
    if (!(err instanceof AcmeProblem)) throw err;
    return { isFailed: true, nextMs: within(err.retryAfterMs ?? checkMs.least) };
  }
}

function within(ms: number): number {
  return Math.min(Math.max(ms, checkMs.least), checkMs.most);
}

function isPast(time: string | undefined, nowMs: number): boolean {
  return time !== undefined && nowMs >= Date.parse(time);
}
