import { createHash } from 'node:crypto';
import { registrableOf } from './ancestors.ts';

/** A record that shows that a name is a tenant's. */
export interface OwnershipChallenge {
  readonly name: string;
  readonly type: 'TXT';
  readonly value: string;
}

const label = '_wcp360-challenge';
/** As many bits as a guess has to be right in (RFC 4086 §8.1 has 128 for what is to last). */
const tokenBits = 128;

/**
 * The record that shows that a name, and all others below the same registered one, are a tenant's. It follows from the tenant's uid, so that it is the same whenever
 * it is asked for, and another one for a tenant of another platform. It is no secret: what it shows is that somebody who may write the zone names the tenant.
 */
export function challengeOf(hostname: string, tenantUid: string): OwnershipChallenge {
  const registrable = registrableOf(hostname);
  const digest = createHash('sha256').update(`${tenantUid}/${registrable}`).digest('hex');
  return { name: recordAt(registrable), type: 'TXT', value: `token=${digest.slice(0, tokenBits / 4)}` };
}

/** Where the record for a name may stand: at the name that was registered, or at the name itself. */
export function recordNamesFor(hostname: string, base: string): readonly string[] {
  return [...new Set([registrableOf(hostname), base].map(recordAt))];
}

function recordAt(name: string): string {
  return `${label}.${name}`;
}
