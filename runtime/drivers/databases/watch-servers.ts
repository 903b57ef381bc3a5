import { backoffMs, type Backoff } from '#runtime/base/backoff.ts';
import type { Clock } from '#runtime/base/clock.ts';
import { takeTrouble, type ServerHost } from './server-host.ts';

interface Watching {
  /** Servers of this moment. */
  readonly roster: () => readonly ServerHost[];
  /** Looks at one server from time to time; rejects when it does not answer. Its first look wakes all who may have waited for it. */
  readonly watch: (host: ServerHost, signal: AbortSignal) => Promise<void>;
  /** Hears from time to time which these are: what goes on with others ends. Never rejects. */
  readonly keepTo: (present: ReadonlySet<ServerHost>) => Promise<void>;
  readonly clock: Clock;
}

/** How soon servers that have come, gone or failed are noticed. */
const rosterMs = 2_000;
/** How soon one that is back is found. */
const returnBackoff: Backoff = { firstMs: 500, maxMs: 5_000, factor: 2, jitterRatio: 0.2 };

/**
 * Watches each server by itself, as long as it is one of ours. One that somebody could not reach is looked at anew, again and again until it answers: those who
 * failed on it have not to wait until their own next try.
 */
export async function watchServers(watching: Watching, signal: AbortSignal): Promise<void> {
  const { roster, keepTo, clock } = watching;
  const watched = new Map<ServerHost, AbortController>();
  while (!signal.aborted) {
    const present = new Set(roster());
    for (const [host, over] of watched) {
      if (present.has(host) && !takeTrouble(host)) continue;
      over.abort();
      watched.delete(host);
    }
    for (const host of present) {
      if (watched.has(host)) continue;
      const over = new AbortController();
      watched.set(host, over);
      void watchOne(watching, host, AbortSignal.any([signal, over.signal]));
    }
    void keepTo(present);
    await clock.sleep(rosterMs, signal).catch(() => undefined);
  }
}

async function watchOne({ watch, clock }: Watching, host: ServerHost, signal: AbortSignal): Promise<void> {
  for (let attempt = 1; !signal.aborted; attempt += 1) {
    const begunAt = performance.now();
    await watch(host, signal).catch(() => undefined);
    // Its own looks are noticed here.
    takeTrouble(host);
    if (performance.now() - begunAt > returnBackoff.maxMs) attempt = 1;
    await clock.sleep(backoffMs(returnBackoff, attempt), signal).catch(() => undefined);
  }
}
