import { systemClock } from '#runtime/base/clock.ts';
import { createCopies, createCopiesDriver } from '#runtime/drivers/copies/index.ts';
import { silentLogger } from '#runtime/telemetry/logger.ts';

/** Of the only host there is. */
export const noCopies = createCopiesDriver(
  createCopies({
    take: () => Promise.reject(new Error('there is no other host')),
    atOnce: 1,
    clock: systemClock,
    log: silentLogger,
    signal: AbortSignal.abort(),
  }),
);
