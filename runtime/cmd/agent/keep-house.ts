import { systemClock } from '#runtime/base/clock.ts';
import { rotateLogs, rotateTicketKeys, type Stapler } from '#runtime/drivers/nginx/index.ts';
import type { Host } from '#runtime/host/host.ts';
import type { Logger } from '#runtime/telemetry/logger.ts';

const everyMs = 60_000;
const ticketKeyAgeMs = 24 * 3_600_000;
const bounds = { maxBytes: 16 * 1024 * 1024, keep: 3 };

/** Begins the chores of a host that no object asks for: logs are rotated before they grow out of bounds, keys of TLS sessions each day, and CAs are asked for their words on certificates. Returns at once. */
export async function keepHouse({
  host,
  staples,
  log,
  signal,
}: {
  readonly host: Host;
  readonly staples: Stapler;
  readonly log: Logger;
  readonly signal: AbortSignal;
}): Promise<void> {
  const each = async (chore: () => Promise<unknown>, failed: string): Promise<void> => {
    while (!signal.aborted) {
      await chore().catch((err: unknown) => {
        if (!signal.aborted) log.warn({ err }, failed);
      });
      await systemClock.sleep(everyMs, signal).catch(() => undefined);
    }
  };
  void each(async () => await rotateLogs(host, bounds, signal), 'logs could not be rotated');
  void each(
    async () => await rotateTicketKeys(host, ticketKeyAgeMs, signal),
    'keys of TLS sessions could not be replaced',
  );
  // What comes from elsewhere, and may be slow, keeps nothing else from being done.
  void each(async () => await staples.renewAll(signal), 'the words of CAs on certificates could not be renewed');
}
