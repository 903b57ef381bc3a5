import { rfc3339Micro, type Clock } from '#runtime/base/clock.ts';
import { isRecord } from '#runtime/base/json.ts';
import type { Client } from '#runtime/client/client.ts';
import { resourceTypeOf } from '#runtime/client/resource-type.ts';
import { isStatus } from '#runtime/client/status-error.ts';
import type { Logger } from '#runtime/telemetry/logger.ts';
import { leaseKind } from '#schemas/meta/builtin.ts';
import type { KubeObject } from '#schemas/meta/object.ts';

/** Which Lease, and who wants it. */
export interface LeaseOptions {
  readonly client: Client;
  readonly namespace: string;
  readonly name: string;
  readonly identity: string;
  /** It is there when it may be taken; who takes it does not make it. */
  readonly isMadeByOthers?: boolean;
  readonly clock: Clock;
  readonly log: Logger;
  readonly signal: AbortSignal;
}

export interface LeaseTiming {
  /** Others take over when the Lease was not renewed for so long. */
  readonly leaseMs: number;
  /** One attempt takes so long at most. */
  readonly renewDeadlineMs: number;
}

const leaseType = resourceTypeOf(leaseKind);

/** Somebody who takes and renews a Lease. Times of others are never compared with our clock: it counts as held for `leaseMs` after we saw it change (as in client-go). */
export interface LeaseCandidate {
  /** Takes or renews the Lease when it is free or ours. Never throws. */
  tryOnce(): Promise<boolean>;
  /** When we last knew that the Lease is ours: the time before the call that renewed it. */
  renewedMs(): number;
  /** Until when it counts as held, by our own clock, as far as was seen; `undefined` when it is not there. */
  heldUntilMs(): number | undefined;
  isTakenByOther(): boolean;
  /** Who held it when we last looked; empty: nobody. */
  holder(): string;
  release(): Promise<void>;
}

interface Seen {
  readonly lease: KubeObject;
  /** By our own clock. */
  readonly changedMs: number;
}

/** A candidate who has not looked yet. */
export function createLeaseCandidate(options: LeaseOptions, timing: LeaseTiming): LeaseCandidate {
  const { client, namespace, name, identity, clock, log, signal: ended } = options;
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
  const mayTake = (found: Seen | undefined, nowMs: number): boolean => {
    if (found === undefined) return options.isMadeByOthers !== true;
    return ['', identity].includes(holderOf(found.lease)) || nowMs - found.changedMs > timing.leaseMs;
  };
  const write = async (found: Seen | undefined, startedMs: number, signal: AbortSignal): Promise<void> => {
    const lease = leaseBody(options, found?.lease, { nowMs: startedMs, seconds: timing.leaseMs / 1_000 });
    const stored =
      found === undefined
        ? await client.create(leaseType, lease, { signal })
        : await client.replace(leaseType, lease, { signal });
    seen = { lease: stored, changedMs: clock.now() };
    renewedMs = startedMs;
  };
  const attempt = async (): Promise<boolean> => {
    const signal = AbortSignal.any([ended, AbortSignal.timeout(timing.renewDeadlineMs)]);
    const startedMs = clock.now();
    // What we wrote last still stands unless somebody else wrote: the server refuses ours then, and only then we look (as in client-go).
    if (holderOf(seen?.lease) === identity && !(await isOutdated(write(seen, startedMs, signal)))) return true;
    const found = await look(signal);
    if (!mayTake(found, startedMs)) return false;
    await write(found, startedMs, signal);
    return true;
  };
  return {
    tryOnce: async () => {
      try {
        return await attempt();
      } catch (err) {
        if (!isStatus(err, 409) && !ended.aborted) log.warn({ err, lease: name }, 'lease could not be renewed');
        return false;
      }
    },
    renewedMs: () => renewedMs,
    heldUntilMs: () => (seen === undefined ? undefined : seen.changedMs + timing.leaseMs),
    holder: () => holderOf(seen?.lease),
    isTakenByOther: () => seen !== undefined && !['', identity].includes(holderOf(seen.lease)),
    release: async () => await release(options, seen?.lease),
  };
}

/** Whether a write was refused because the object is another one by now, or gone. */
async function isOutdated(writing: Promise<void>): Promise<boolean> {
  try {
    await writing;
    return false;
  } catch (err) {
    if (isStatus(err, 409) || isStatus(err, 404)) return true;
    throw err;
  }
}

async function release({ client, identity, log, name }: LeaseOptions, lease: KubeObject | undefined): Promise<void> {
  if (lease === undefined || holderOf(lease) !== identity) return;
  const released = { ...lease, spec: { ...specOf(lease), holderIdentity: '', leaseDurationSeconds: 1 } };
  await client
    .replace(leaseType, released, { signal: AbortSignal.timeout(2_000) })
    .catch((err: unknown) => log.warn({ err, lease: name }, 'lease was not released'));
}

function leaseBody(
  options: LeaseOptions,
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
