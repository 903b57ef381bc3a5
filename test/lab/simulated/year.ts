import type { ClusterIssuer } from '#schemas/index.ts';
import type { KubeObject } from '#schemas/meta/object.ts';
import { factsOf } from '#runtime/pki/server-certificate.ts';
import type { SimulatedApi } from './api.ts';
import type { SimulatedCa } from './ca.ts';
import { openSimulatedLeader, startMs } from './leader.ts';
import type { SimulatedTime } from './time.ts';

const dayMs = 24 * 3_600_000;

export interface YearOptions {
  readonly certificates: number;
  /** How many of them are for names below one registered domain. */
  readonly ofOneDomain: number;
  readonly days: number;
  /** As in an issuer, whose defaults hold when absent; the CA refuses what is above. */
  readonly limits?: object;
  /** The part of orders that fail. */
  readonly failing: number;
  /** On which days of it nobody answers. */
  readonly outages: readonly { readonly fromDay: number; readonly untilDay: number }[];
  /** Told after each day. */
  readonly onDay?: (day: number) => void;
}

export interface Year {
  readonly ca: Pick<SimulatedCa, 'counts' | 'mostOrders'>;
  readonly issuer: ClusterIssuer;
  readonly renewals: number;
  /** Names whose certificate ended before the next one was in their Secret, and those that never had one. */
  readonly expired: readonly string[];
  /** Of all renewals: the least that was left of the one before. */
  readonly leastLeftMs: number;
  /** Of the controller. */
  readonly rounds: number;
}

/** The certificates of a tenant, all applied in one moment, as the leader gets and renews them. Only time, API server, host and CA are not the real ones. */
export async function liveThrough(options: YearOptions): Promise<Year> {
  const { days, onDay, outages } = options;
  const { time, api, ca, issuer, runner, declare } = await openSimulatedLeader({
    ...options,
    outages: outages.map(({ fromDay, untilDay }) => ({
      fromMs: startMs + fromDay * dayMs,
      untilMs: startMs + untilDay * dayMs,
    })),
  });
  const served = followSecrets(api, time);
  const names = namesOf(options);
  for (const name of names) declare(name.split('.')[0] ?? '', [name]);
  for (let day = 1; day <= days; day += 1) {
    await runner.runUntil(startMs + day * dayMs);
    onDay?.(day);
  }
  const expired = names.filter((name) => served.hasLapsed(name));
  return {
    ca,
    issuer,
    expired,
    renewals: served.renewals(),
    leastLeftMs: served.leastLeftMs(),
    rounds: runner.rounds(),
  };
}

function namesOf({ certificates, ofOneDomain }: YearOptions): readonly string[] {
  return Array.from({ length: certificates }, (_, n) =>
    n < ofOneDomain ? `shop-${n}.many.example` : `shop-${n}.example`,
  );
}

interface Served {
  hasLapsed(dnsName: string): boolean;
  renewals(): number;
  leastLeftMs(): number;
}

/** What visitors saw: the certificate in each Secret. */
function followSecrets(api: SimulatedApi, time: SimulatedTime): Served {
  const ends = new Map<string, number>();
  const lapsed = new Set<string>();
  let [renewals, leastLeftMs] = [0, Number.POSITIVE_INFINITY];
  api.subscribe(({ object }) => {
    const { type, data } = object as KubeObject & {
      readonly type?: string;
      readonly data?: { readonly 'tls.crt': string };
    };
    if (type !== 'kubernetes.io/tls' || data === undefined) return;
    const { dnsNames = [], notAfter = 0 } = factsOf(Buffer.from(data['tls.crt'], 'base64').toString()) ?? {};
    for (const name of dnsNames) {
      const before = ends.get(name);
      ends.set(name, notAfter);
      if (before === undefined) continue;
      const leftMs = before - time.now();
      renewals += 1;
      leastLeftMs = Math.min(leastLeftMs, leftMs);
      if (leftMs < 0) lapsed.add(name);
    }
  });
  return {
    hasLapsed: (name) => lapsed.has(name) || (ends.get(name) ?? 0) < time.now(),
    renewals: () => renewals,
    leastLeftMs: () => leastLeftMs,
  };
}
