import { systemClock } from '#runtime/base/clock.ts';
import { rotateLogs, rotateTicketKeys } from '#runtime/drivers/nginx/index.ts';
import type { Host } from '#runtime/host/host.ts';
import type { Logger } from '#runtime/telemetry/logger.ts';

const everyMs = 60_000;
const ticketKeyAgeMs = 24 * 3_600_000;
const bounds = { maxBytes: 16 * 1024 * 1024, keep: 3 };

/** Begins the chores of a host that no object asks for: logs are rotated before they grow out of bounds, keys of TLS sessions each day. Returns at once. */
export async function keepHouse({
  host,
  log,
  signal,
}: {
  readonly host: Host;
  readonly log: Logger;
  readonly signal: AbortSignal;
}): Promise<void> {
  const loop = async (): Promise<void> => {
    while (!signal.aborted) {
      await rotateLogs(host, bounds, signal).catch((err: unknown) => {
        if (!signal.aborted) log.warn({ err }, 'logs could not be rotated');
      });
      await rotateTicketKeys(host, ticketKeyAgeMs, signal).catch((err: unknown) => {
        if (!signal.aborted) log.warn({ err }, 'keys of TLS sessions could not be replaced');
      });
      await systemClock.sleep(everyMs, signal).catch(() => undefined);
    }
  };
  void loop();
}
