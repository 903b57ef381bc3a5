import { backoffMs } from '#runtime/base/backoff.ts';
import { RefusedError } from '#runtime/base/errors.ts';
import { createLeaseCandidate, type LeaseOptions } from './lease.ts';

/** `identity` is the machine's: a process that is started anew goes on where the one before ended. */
export interface HeartbeatOptions extends LeaseOptions {
  /** Another may take the name when nothing was heard for so long; 40 s. */
  readonly leaseMs?: number;
  /** 10 s. */
  readonly everyMs?: number;
}

const firstTries = { firstMs: 50, maxMs: 1_000, factor: 1.5, jitterRatio: 0.1 };
const attemptMs = 10_000;

/** A name that is ours, and renewed. */
export interface Heartbeat {
  /** Rejects with RefusedError `NameTaken` once somebody else has the name; resolves when the signal aborts. The Lease is not given back: who stops for a moment comes back. */
  readonly ended: Promise<void>;
}

/**
 * Waits until the Lease is ours, then renews it from time to time. A server that is away takes nothing from us; only another holder does, and whoever finds
 * one waits until that one was silent for `leaseMs`. Rejects with the signal's reason only.
 */
export async function startHeartbeat(options: HeartbeatOptions): Promise<Heartbeat> {
  const { clock, log, name, identity, signal, leaseMs = 40_000, everyMs = 10_000 } = options;
  const candidate = createLeaseCandidate({ ...options, isMadeByOthers: true }, { leaseMs, renewDeadlineMs: attemptMs });
  let told = '';
  for (let attempt = 1; !(await candidate.tryOnce()); attempt += 1) {
    const holder = candidate.holder();
    if (candidate.isTakenByOther() && holder !== told) {
      log.error(
        { lease: name, holder, identity },
        `another machine holds this name; this one waits until that was silent for ${leaseMs / 1_000} s`,
      );
      told = holder;
    }
    await clock.sleep(backoffMs(firstTries, attempt), signal);
  }
  const renew = async (): Promise<void> => {
    for (;;) {
      await clock.sleep(everyMs, signal).catch(() => undefined);
      if (signal.aborted) return;
      if ((await candidate.tryOnce()) || !candidate.isTakenByOther()) continue;
      throw new RefusedError(
        'NameTaken',
        `${candidate.holder()} holds ${name} now, so this machine (${identity}) stops acting on it`,
      );
    }
  };
  return { ended: renew() };
}
