import { LostLeadershipError } from '#runtime/base/errors.ts';
import { createLeaseCandidate, type LeaseCandidate, type LeaseOptions, type LeaseTiming } from './lease.ts';

/** `namespace` is `wcp360-system`, `identity` unique per process. */
export interface LeaderElectionOptions extends LeaseOptions {
  /** Others take over when the Lease was not renewed for so long; 15 s. */
  readonly leaseMs?: number;
  /** Who could not renew for so long stops; 10 s. Less than `leaseMs`, so that two never lead at once while clocks run at the same speed. */
  readonly renewDeadlineMs?: number;
  /** 2 s. */
  readonly retryMs?: number;
}

/** Held while leading. */
export interface Leadership {
  /** Aborts with LostLeadershipError when it is lost. */
  readonly signal: AbortSignal;
  /** Throws LostLeadershipError once the renewal deadline has passed, even if no timer has run since (a paused process). */
  fence(): void;
}

interface Timing extends LeaseTiming {
  readonly retryMs: number;
}

/**
 * Waits until this process leads, then runs `lead` once, renewing the Lease beside it. Ends when `lead` ends, when the signal aborts (the Lease is released,
 * so that the next one need not wait), or rejects with LostLeadershipError when it could not be renewed: everything under `leadership.signal` is aborted then.
 * Like client-go: times of others are never compared with our clock; a Lease counts as held for `leaseMs` after we saw it change.
 */
export async function runWithLeadership(
  options: LeaderElectionOptions,
  lead: (leadership: Leadership) => Promise<void>,
): Promise<void> {
  const timing = { leaseMs: 15_000, renewDeadlineMs: 10_000, retryMs: 2_000, ...present(options) };
  const candidate = createLeaseCandidate(options, timing);
  while (!(await candidate.tryOnce()))
    await options.clock.sleep(pauseMs(candidate, timing.retryMs, options.clock.now()), options.signal);
  options.log.info({ lease: options.name, identity: options.identity }, 'leading');
  const lost = new AbortController();
  const finished = new AbortController();
  const renewing = renew(options, { candidate, timing, lost, finished: finished.signal });
  try {
    await lead({
      signal: AbortSignal.any([options.signal, lost.signal]),
      fence: () => {
        if (lost.signal.aborted) throw lost.signal.reason;
        if (options.clock.now() - candidate.renewedMs() > timing.renewDeadlineMs) throw lostLeadership();
      },
    });
  } finally {
    finished.abort();
    await renewing;
    if (!lost.signal.aborted) await candidate.release();
  }
  lost.signal.throwIfAborted();
}

/** Until the next look: no longer than the Lease is held. */
function pauseMs(candidate: LeaseCandidate, retryMs: number, nowMs: number): number {
  const leftMs = (candidate.heldUntilMs() ?? 0) - nowMs;
  return leftMs > 0 ? Math.min(retryMs, leftMs + 1) : retryMs;
}

function present(options: LeaderElectionOptions): Partial<Timing> {
  const { leaseMs, renewDeadlineMs, retryMs } = options;
  return {
    ...(leaseMs === undefined ? {} : { leaseMs }),
    ...(renewDeadlineMs === undefined ? {} : { renewDeadlineMs }),
    ...(retryMs === undefined ? {} : { retryMs }),
  };
}

interface Renewal {
  readonly candidate: LeaseCandidate;
  readonly timing: Timing;
  readonly lost: AbortController;
  readonly finished: AbortSignal;
}

async function renew(options: LeaderElectionOptions, renewal: Renewal): Promise<void> {
  const { candidate, timing, lost, finished } = renewal;
  const stop = AbortSignal.any([options.signal, finished]);
  const { clock } = options;
  for (;;) {
    await clock.sleep(timing.retryMs, stop).catch(() => undefined);
    if (stop.aborted) return;
    const stillOurs = await candidate.tryOnce();
    const silentMs = clock.now() - candidate.renewedMs();
    if (stillOurs || (silentMs <= timing.renewDeadlineMs && !candidate.isTakenByOther())) continue;
    options.log.error({ lease: options.name, silentMs }, 'leadership lost');
    lost.abort(lostLeadership());
    return;
  }
}

function lostLeadership(): LostLeadershipError {
  return new LostLeadershipError('another process leads now, or the lease could not be renewed in time');
}
