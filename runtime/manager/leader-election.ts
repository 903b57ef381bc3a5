import { rfc3339Micro, type Clock } from '#runtime/base/clock.ts';
import { LostLeadershipError } from '#runtime/base/errors.ts';
import { isRecord } from '#runtime/base/json.ts';
import type { Client, ResourceType } from '#runtime/client/client.ts';
import { isStatus } from '#runtime/client/status-error.ts';
import type { Logger } from '#runtime/telemetry/logger.ts';
import type { KubeObject } from '#schemas/meta/object.ts';

export interface LeaderElectionOptions {
  readonly client: Client;
  /** Where the Lease lives: `wcp360-system`. */
  readonly namespace: string;
  readonly name: string;
  /** Unique per process. */
  readonly identity: string;
  readonly clock: Clock;
  readonly log: Logger;
  readonly signal: AbortSignal;
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

const leaseType: ResourceType = {
  group: 'coordination.k8s.io',
  version: 'v1',
  resource: 'leases',
  kind: 'Lease',
  namespaced: true,
};

interface Timing {
  readonly leaseMs: number;
  readonly renewDeadlineMs: number;
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
  const candidate = createCandidate(options, timing);
  while (!(await candidate.tryOnce())) await options.clock.sleep(timing.retryMs, options.signal);
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

function present(options: LeaderElectionOptions): Partial<Timing> {
  const { leaseMs, renewDeadlineMs, retryMs } = options;
  return {
    ...(leaseMs === undefined ? {} : { leaseMs }),
    ...(renewDeadlineMs === undefined ? {} : { renewDeadlineMs }),
    ...(retryMs === undefined ? {} : { retryMs }),
  };
}

interface Renewal {
  readonly candidate: Candidate;
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

interface Candidate {
  /** Takes or renews the Lease when it is free or ours. Never throws. */
  tryOnce(): Promise<boolean>;
  /** When we last knew that the Lease is ours: the time before the call that renewed it. */
  renewedMs(): number;
  isTakenByOther(): boolean;
  release(): Promise<void>;
}

interface Seen {
  readonly lease: KubeObject;
  /** By our own clock. */
  readonly changedMs: number;
}

function createCandidate(options: LeaderElectionOptions, timing: Timing): Candidate {
  const { client, namespace, name, identity, clock, log } = options;
  let seen: Seen | undefined;
  let renewedMs = Number.NEGATIVE_INFINITY;
  const look = async (signal: AbortSignal): Promise<Seen | undefined> => {
    const lease = await client.get(leaseType, { namespace, name }, signal);
    if (lease === undefined) return (seen = undefined);
    if (seen?.lease.metadata.resourceVersion !== lease.metadata.resourceVersion) {
      seen = { lease, changedMs: clock.now() };
    }
    return seen;
  };
  const attempt = async (): Promise<boolean> => {
    const signal = AbortSignal.any([options.signal, AbortSignal.timeout(timing.renewDeadlineMs)]);
    const startedMs = clock.now();
    const found = await look(signal);
    const holder = holderOf(found?.lease);
    const isFree = holder === '' || (found !== undefined && startedMs - found.changedMs > timing.leaseMs);
    if (found !== undefined && holder !== identity && !isFree) return false;
    const lease = leaseBody(options, found?.lease, { nowMs: startedMs, seconds: timing.leaseMs / 1_000 });
    const stored =
      found === undefined
        ? await client.create(leaseType, lease, { signal })
        : await client.replace(leaseType, lease, { signal });
    seen = { lease: stored, changedMs: clock.now() };
    renewedMs = startedMs;
    return true;
  };
  return {
    tryOnce: async () => {
      try {
        return await attempt();
      } catch (err) {
        const isRace = isStatus(err, 409);
        if (!isRace && !options.signal.aborted) log.warn({ err, lease: name }, 'lease could not be renewed');
        return false;
      }
    },
    renewedMs: () => renewedMs,
    isTakenByOther: () => seen !== undefined && !['', identity].includes(holderOf(seen.lease)),
    release: async () => {
      if (seen === undefined || holderOf(seen.lease) !== identity) return;
      const spec = { ...specOf(seen.lease), holderIdentity: '', leaseDurationSeconds: 1 };
      const released = { ...seen.lease, spec };
      await client
        .replace(leaseType, released, { signal: AbortSignal.timeout(2_000) })
        .catch((err: unknown) => log.warn({ err, lease: name }, 'lease was not released'));
    },
  };
}

function leaseBody(
  options: LeaderElectionOptions,
  before: KubeObject | undefined,
  time: { readonly nowMs: number; readonly seconds: number },
): KubeObject {
  const { namespace, name, identity } = options;
  const known = specOf(before);
  const now = rfc3339Micro(time.nowMs);
  const isTakeover = holderOf(before) !== identity;
  const transitions = typeof known['leaseTransitions'] === 'number' ? known['leaseTransitions'] : 0;
  return {
    ...before,
    apiVersion: 'coordination.k8s.io/v1',
    kind: 'Lease',
    metadata: before?.metadata ?? { name, namespace },
    spec: {
      ...known,
      holderIdentity: identity,
      leaseDurationSeconds: Math.max(1, Math.round(time.seconds)),
      acquireTime: isTakeover ? now : known['acquireTime'],
      renewTime: now,
      leaseTransitions: isTakeover && before !== undefined ? transitions + 1 : transitions,
    },
  };
}

function specOf(lease: KubeObject | undefined): Readonly<Record<string, unknown>> {
  const spec = lease?.['spec'];
  return isRecord(spec) ? spec : {};
}

function holderOf(lease: KubeObject | undefined): string {
  const holder = specOf(lease)['holderIdentity'];
  return typeof holder === 'string' ? holder : '';
}
