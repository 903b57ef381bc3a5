import type { Clock } from '#runtime/base/clock.ts';
import { saveStore } from '#runtime/storage/snapshot/save.ts';
import type { Store } from '#runtime/storage/store.ts';
import type { Logger } from '#runtime/telemetry/logger.ts';
import type { Stream } from './answer.ts';
import type { RawResponse } from './exchange.ts';

export interface SnapshotRoute {
  /** Beneath the encryption. */
  readonly atRest: Store;
  readonly clock: Clock;
  readonly log: Logger;
  /** Aborts when the server stops. */
  readonly signal: AbortSignal;
}

/** Only who may do everything is let to it: no role names the path. */
export const snapshotPath = '/snapshot';

/**
 * All objects of one revision as a stream, at the pace at which the client reads. What goes wrong after its head ends the connection, and the
 * client finds the snapshot cut short.
 */
export async function answerSnapshot({ atRest, clock, log, signal }: SnapshotRoute): Promise<Stream> {
  const leaving = new AbortController();
  const chunks = saveStore({
    store: atRest,
    now: new Date(clock.now()),
    signal: AbortSignal.any([signal, leaving.signal]),
  });
  const first = await chunks.next();
  return {
    contentType: 'application/vnd.wcp360.snapshot',
    pipe: async (response) => {
      response.on('close', () => leaving.abort());
      try {
        for (let next = first; next.done !== true; next = await chunks.next()) await write(response, next.value);
        response.end();
      } catch (err) {
        if (!leaving.signal.aborted) log.error({ err }, 'a snapshot broke off');
        response.destroy();
      }
    },
  };
}

/** Resolves when the connection has taken it, or is gone. */
async function write(response: RawResponse, chunk: Buffer): Promise<void> {
  if (response.destroyed || response.write(chunk)) return;
  await new Promise<void>((resolve) => {
    const go = (): void => {
      response.off('drain', go);
      response.off('close', go);
      resolve();
    };
    response.on('drain', go);
    response.on('close', go);
  });
}
