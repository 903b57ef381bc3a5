import type { Clock } from '#runtime/base/clock.ts';
import type { Client } from '#runtime/client/client.ts';
import { listAll } from '#runtime/client/list-pages.ts';
import { keyText, parseKeyText, resourceTypeOf } from '#runtime/client/resource-type.ts';
import type { Logger } from '#runtime/telemetry/logger.ts';
import type { KindDefinition } from '#schemas/meta/kind.ts';
import type { Cache } from './cache.ts';
import { storeKeyOf } from './object-store.ts';
import type { RemovalGuard } from './removal-guard.ts';

/** A controller as the look for orphans sees it. */
export interface OrphanKeeper {
  readonly kind: KindDefinition;
  /** Keys of all objects for which its drivers have something here that ends with its object. */
  owners(): Promise<ReadonlySet<string>>;
  /** Takes down what is here for these keys, unless their objects have come back. */
  abandon(keys: readonly string[]): void;
}

export interface OrphanSweepOptions {
  readonly client: Client;
  readonly cache: Cache;
  readonly keepers: readonly OrphanKeeper[];
  readonly guard: RemovalGuard;
  readonly clock: Clock;
  readonly log: Logger;
  /** Without any cause; 10 min. */
  readonly everyMs?: number;
}

/** Finds what is served here for objects that are gone without having been taken down (a stripped finalizer). */
export interface OrphanSweep {
  /** An object went: look soon. */
  due(): void;
  /** Looks, once at the start and then from time to time, until the signal aborts. Call it once all caches have synced. */
  run(signal: AbortSignal): Promise<void>;
}

const defaultEveryMs = 600_000;
/** Objects go in flocks; one look is for all of them. */
const gatherMs = 1_000;

/** A sweep that has not looked yet. */
export function createOrphanSweep(options: OrphanSweepOptions): OrphanSweep {
  const { clock, log, everyMs = defaultEveryMs } = options;
  let wake = Promise.withResolvers<void>();
  return {
    due: () => wake.resolve(),
    run: async (signal) => {
      while (!signal.aborted) {
        wake = Promise.withResolvers<void>();
        await sweep(options, signal).catch((err: unknown) => {
          if (!signal.aborted) log.warn({ err }, 'orphans could not be looked for');
        });
        await Promise.race([wake.promise, clock.sleep(everyMs, signal).catch(() => undefined)]);
        await clock.sleep(gatherMs, signal).catch(() => undefined);
      }
    },
  };
}

/** One look. Where a cache lacks something the server is asked before it counts: every collection concerned is read in whole, and strongly. */
async function sweep(options: OrphanSweepOptions, signal: AbortSignal): Promise<void> {
  const { keepers, guard, log } = options;
  const orphans = new Map<OrphanKeeper, readonly string[]>();
  let owners = 0;
  for (const keeper of keepers) {
    const known = await keeper.owners();
    owners += known.size;
    orphans.set(keeper, await orphansOf(options, keeper, { known, signal }));
  }
  const named = [...orphans].flatMap(([{ kind }, keys]) => keys.map((key) => `${kind.kind}/${key}`)).toSorted();
  const isReleased = await guard.releases({ orphans: named, owners }, signal);
  if (!isReleased || named.length === 0) return;
  log.warn({ count: named.length, orphans: named.slice(0, 10) }, 'taking down what has no object any more');
  for (const [keeper, keys] of orphans) keeper.abandon(keys);
}

async function orphansOf(
  { client, cache }: OrphanSweepOptions,
  { kind }: OrphanKeeper,
  look: { readonly known: ReadonlySet<string>; readonly signal: AbortSignal },
): Promise<readonly string[]> {
  const isAnyMissing = [...look.known].some((key) => cache.get(kind, parseKeyText(key)) === undefined);
  if (!isAnyMissing) return [];
  const options = { as: 'PartialObjectMetadata', signal: look.signal } as const;
  const { items } = await listAll(client, resourceTypeOf(kind), options);
  const stored = new Set(items.map(storeKeyOf));
  // Of what goes in a flock the cache may have heard of the first ones only.
  return [...look.known].filter((key) => !stored.has(keyText(parseKeyText(key))));
}
