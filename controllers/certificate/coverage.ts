import { lackingIn, type CertificateOrder, type Standing } from './model.ts';
import type { Need } from './need.ts';

/** What is known when not all names of the next certificate can be had. */
export interface Shortfall {
  readonly order: CertificateOrder;
  readonly need: Need;
  /** Of the certificate that there is. */
  readonly standing: Standing;
  /** Names that can be had. */
  readonly others: readonly string[];
  readonly nowMs: number;
}

const minuteMs = 60_000;
/** What was declared together comes into the DNS one after the other. */
const patienceMs = { usual: 5 * minuteMs, whileServed: 24 * 60 * minuteMs };
/** The part of its life, at the end, in which something has to take the place of a certificate, whatever can be had. */
const lastPart = 0.1;

/**
 * Whether the next certificate may be for the other names only: where the spec allows it, and what serves is never replaced by one for fewer names before it nears
 * its end. Pure.
 */
export function mayLack({ order, need, standing, others, nowMs }: Shortfall): boolean {
  if (!order.mayLackNames || others.length === 0) return false;
  if (!isGood(need) || isNearEnd(standing, nowMs)) return true;
  const lost = lackingIn({ dnsNames: others }, order.dnsNames);
  return need !== 'Lacking' && lackingIn(standing, lost).length === lost.length;
}

/** How long names that are not in the DNS yet are waited for before they are left out: all the longer when nothing is gained by that. Pure. */
export function patienceMsFor({ need, standing, others, nowMs }: Shortfall): number {
  if (isGood(need) && isNearEnd(standing, nowMs)) return 0;
  const isServed = need === 'SpecChanged' && lackingIn(standing, others).length === 0;
  return isServed ? patienceMs.whileServed : patienceMs.usual;
}

/** Whether a certificate that serves will soon do so no longer: then a CA is asked for whatever may be had, though the DNS says that it will refuse. Pure. */
export function isNearEnd({ notBefore, notAfter }: Standing, nowMs: number): boolean {
  if (notBefore === undefined || notAfter === undefined) return false;
  const [from, until] = [Date.parse(notBefore), Date.parse(notAfter)];
  return nowMs < until && nowMs >= until - (until - from) * lastPart;
}

/** Whether what there is serves, and may go on. */
function isGood(need: Need): boolean {
  return need !== 'Missing' && need !== 'Unusable' && need !== 'Revoked';
}
