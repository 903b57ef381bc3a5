import type { Clock } from '#runtime/base/clock.ts';
import { isEqual } from '#runtime/base/json.ts';
import type { Client } from '#runtime/client/client.ts';
import { resourceTypeOf } from '#runtime/client/resource-type.ts';
import { readCarriedUids } from '#runtime/drivers/tree/index.ts';
import type { ReadOnlyHost } from '#runtime/host/host.ts';
import type { Cache } from '#runtime/manager/cache.ts';
import type { Logger } from '#runtime/telemetry/logger.ts';
import { apiVersionOf } from '#schemas/meta/kind.ts';
import { hostKind } from '#schemas/v1alpha1/host.ts';
import { heldUids, isUrgent, statedUids, type HeldUids } from './held-uids.ts';

export interface UidTellerOptions {
  readonly client: Client;
  readonly host: ReadOnlyHost;
  readonly hostName: string;
  readonly cache: Cache;
  readonly clock: Clock;
  readonly log: Logger;
  readonly signal: AbortSignal;
  /** How often it is compared, in memory; 2 s. */
  readonly lookMs?: number;
}

const defaultLookMs = 2_000;
const readAgainMs = 60_000;
const fieldManager = 'wcp360-agent-uids';
const type = resourceTypeOf(hostKind);

/** What was found, and when the machine was read for it. */
interface Look {
  readonly stated: ReadonlySet<string>;
  readonly carried: ReadonlyMap<string, readonly number[]>;
  readonly readMs: number;
  readonly held: HeldUids;
}

/**
 * Keeps the leader from giving away numbers that files on this machine carry: tells them in the Host's status as long as the store does not say the same.
 * The machine is read at the start, once the store has ceased to say something, and from time to time while there is something to tell; at rest never.
 * Call it when all caches have synced; resolves when the signal aborts.
 */
export async function tellUids(options: UidTellerOptions): Promise<void> {
  const { clock, log, signal, lookMs = defaultLookMs } = options;
  let last: Look | undefined;
  let lookedMs = 0;
  while (!signal.aborted) {
    try {
      const startedMs = clock.now();
      const found = await look(options, last);
      lookedMs = clock.now() - startedMs;
      await tell(options, found, found.readMs !== last?.readMs);
      last = found;
    } catch (err) {
      if (!signal.aborted) log.warn({ err }, 'which user ids are held here could not be told');
    }
    // However many files there are, looking takes a fifth of the time at most.
    await clock.sleep(Math.max(lookMs, 4 * lookedMs), signal).catch(() => undefined);
  }
}

async function look(options: UidTellerOptions, last: Look | undefined): Promise<Look> {
  const { host, hostName, cache, clock, signal } = options;
  const stated = statedUids(hostName, cache);
  const { carried, readMs } =
    last !== undefined && isStillKnown(last, stated, clock.now())
      ? last
      : { readMs: clock.now(), carried: await readCarriedUids(host, signal) };
  return { stated, carried, readMs, held: heldUids(carried, stated) };
}

function isStillKnown(last: Look, stated: ReadonlySet<string>, nowMs: number): boolean {
  return stated.isSupersetOf(last.stated) && (last.held.length === 0 || nowMs - last.readMs < readAgainMs);
}

async function tell(options: UidTellerOptions, { held }: Look, isFresh: boolean): Promise<void> {
  const { client, hostName, cache, signal } = options;
  const host = cache.get(hostKind, { name: hostName });
  if (host === undefined) return;
  const told = host.status?.capabilities?.heldUids;
  if (!isUrgent(held, told) && (!isFresh || isEqual(held, told))) return;
  const object = { apiVersion: apiVersionOf(hostKind), kind: hostKind.kind, metadata: { name: hostName } };
  const status = { capabilities: { heldUids: held } };
  await client.apply(type, { ...object, status }, { fieldManager, force: true, subresource: 'status', signal });
}
