import type { Clock } from '#runtime/base/clock.ts';
import type { EtcdConnection } from './connection.ts';

/** Leases for values with a time to live. */
export interface LeasePool {
  /** A lease that lets a value put now live for `ttlSeconds` at least. */
  leaseFor(ttlSeconds: number, signal?: AbortSignal): Promise<string>;
}

interface SharedLease {
  readonly granted: Promise<string>;
  readonly openUntilMs: number;
  uses: number;
}

const longestWindowMs = 60_000;
const windowRatio = 0.05;
/** etcd deletes all values of a lease in one revision: this bounds how large that becomes. */
const usesLimit = 500;

/**
 * Shares one lease among the puts of the same minute and time to live, because etcd's cost is per lease. Its time is longer by the time
 * during which it is shared (5 % of the time to live, one minute at most), so nothing goes early.
 */
export function createLeasePool(etcd: EtcdConnection, clock: Clock): LeasePool {
  const open = new Map<number, SharedLease>();
  async function grant(ttlSeconds: number, windowMs: number, signal?: AbortSignal): Promise<string> {
    const request = { TTL: Math.ceil(ttlSeconds + windowMs / 1_000) };
    const response = await etcd.once(
      'lease grant',
      (member, bounds) => member.leases.leaseGrant(request, bounds),
      signal,
    );
    return response.ID;
  }
  return {
    leaseFor: (ttlSeconds, signal) => {
      const now = clock.now();
      const shared = open.get(ttlSeconds);
      if (shared !== undefined && now < shared.openUntilMs && shared.uses < usesLimit) {
        shared.uses++;
        return shared.granted;
      }
      const windowMs = Math.min(longestWindowMs, ttlSeconds * 1_000 * windowRatio);
      const granted = grant(ttlSeconds, windowMs, signal);
      const lease = { granted, openUntilMs: now + windowMs, uses: 1 };
      open.set(ttlSeconds, lease);
      granted.catch(() => {
        if (open.get(ttlSeconds) === lease) open.delete(ttlSeconds);
      });
      return granted;
    },
  };
}
