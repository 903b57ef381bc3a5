import { liveThrough, type YearOptions } from '#test/lab/simulated/year.ts';
import { measurement, type Bench } from './measurement.ts';

const bench = 'renewals';
const dayMs = 24 * 3_600_000;
const days = 365;
/** The first meets the first renewals of certificates that were all applied in one moment, the second those that came of that. */
const outages = [
  { fromDay: 60.5, untilDay: 61.5 },
  { fromDay: 180.5, untilDay: 181.5 },
];

/**
 * A year of renewals in simulated time: the controller of Certificates and the manager's loop as they are, with a CA of the same contract as the ACME client
 * that has the limits of Let's Encrypt, fails one order in a hundred, and is away for two days.
 */
export const renewalsBench: Bench = async (options) => {
  const certificates = options.quick ? 100 : 10_000;
  const startedAt = performance.now();
  const year = await liveThrough({ ...sizes(certificates), onDay: (day) => progress(day, options.note) });
  const { ca, issuer } = year;
  const of = `of ${certificates} certificates`;
  const row = (measure: string, value: number, unit: string) => ({ bench, measure, value, unit });
  const { count = 0, period = '' } = issuer.spec.acme?.limits.orders ?? {};
  options.report(measurement(row(`expired in a year, ${of}`, year.expired.length, ''), { atMost: 0 }));
  options.report(measurement(row('least that was left at a renewal', year.leastLeftMs / dayMs, 'days')));
  options.report(measurement(row('renewals', year.renewals, '')));
  options.report(measurement(row('orders that failed', ca.counts.failed, '')));
  options.report(
    measurement({ ...row(`most orders in ${period}`, ca.mostOrders, ''), reference: count }, { atMost: 1 }),
  );
  options.report(measurement(row('orders that the CA refused because there were too many', ca.counts.limited, '')));
  options.report(measurement(row('requests while the CA was away', ca.counts.unanswered, '')));
  options.report(measurement(row('rounds of the controller', year.rounds, '')));
  options.report(measurement(row('real time', (performance.now() - startedAt) / 1_000, 's')));
};

function sizes(certificates: number): YearOptions {
  return { certificates, ofOneDomain: Math.ceil(certificates / 80), days, failing: 0.01, outages };
}

function progress(day: number, note: (text: string) => void): void {
  if (day % 10 === 0) note(`day ${day}`);
}
