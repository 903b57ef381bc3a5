import { once } from 'node:events';
import { backoffMs, type Backoff } from '#runtime/base/backoff.ts';
import type { Clock } from '#runtime/base/clock.ts';
import { createTurns, type Turns } from '#runtime/base/turns.ts';
import { Wcp360Error } from '#runtime/base/errors.ts';
import type { Logger } from '#runtime/telemetry/logger.ts';
import type { Copy, CopyKey, CopyProgress } from './model.ts';

type Wanted = CopyKey & Required<Pick<Copy, 'pass' | 'seat'>>;

/** Takes one copy, from the beginning or from where an earlier one ended; `tell` hears how far it is. */
export type TakeCopy = (wanted: Wanted, tell: (message: string) => void, signal: AbortSignal) => Promise<void>;

/** Copies that are taken at the moment, or have been. Nothing of it is stored: what was copied is found again by comparing. */
export interface Copies {
  of(key: CopyKey): Copy | undefined;
  /** In place of the one that runs for the Domain. */
  start(wanted: Wanted): void;
  /** Resolves when nothing writes any more. */
  end(key: CopyKey): Promise<void>;
  /** Calls back with the owner, as `ownerId` writes it, of each copy that has ended, until the signal aborts. */
  follow(onChange: (owner: string) => void, signal: AbortSignal): Promise<void>;
}

export interface CopiesOptions {
  readonly take: TakeCopy;
  /** Copies at once; others wait. */
  readonly atOnce: number;
  readonly clock: Clock;
  readonly log: Logger;
  readonly signal: AbortSignal;
}

interface Running {
  readonly wanted: Wanted;
  progress: CopyProgress;
  readonly stop: AbortController;
  readonly ended: Promise<void>;
}

const patience: Backoff = { firstMs: 1_000, maxMs: 60_000, factor: 2, jitterRatio: 0.2 };

/** No copy runs yet. */
export function createCopies(options: CopiesOptions): Copies {
  const running = new Map<string, Running>();
  const listeners = new Set<(owner: string) => void>();
  const turns = createTurns(options.atOnce);
  const end = async (key: CopyKey): Promise<void> => {
    const found = running.get(textOf(key));
    running.delete(textOf(key));
    found?.stop.abort(new Error('the copy is not wanted any more'));
    await found?.ended;
  };
  return {
    of: (key) => {
      const found = running.get(textOf(key));
      if (found === undefined || found.wanted.uid !== key.uid) return undefined;
      const { pass, seat } = found.wanted;
      return { pass, seat, progress: found.progress };
    },
    start: (wanted) => {
      const before = end(wanted);
      const stop = new AbortController();
      const signal = AbortSignal.any([options.signal, stop.signal]);
      const tell = (progress: CopyProgress): void => {
        entry.progress = progress;
        if (progress.phase !== 'Running') for (const listener of listeners) listener(`Domain/${textOf(wanted)}`);
      };
      const ended = before.then(async () => await keepTaking({ ...options, turns, signal }, wanted, tell));
      const progress = { phase: 'Running', message: 'The copy waits for its turn.' } as const;
      const entry: Running = { wanted, progress, stop, ended };
      running.set(textOf(wanted), entry);
    },
    end,
    follow: async (onChange, signal) => {
      listeners.add(onChange);
      if (!signal.aborted) await once(signal, 'abort');
      listeners.delete(onChange);
    },
  };
}

/** Until it is taken, or not wanted any more. Never rejects. */
async function keepTaking(
  { take, turns, clock, log, signal }: CopiesOptions & { readonly turns: Turns },
  wanted: Wanted,
  tell: (progress: CopyProgress) => void,
): Promise<void> {
  const { namespace, name, pass } = wanted;
  for (let attempt = 1; !signal.aborted; attempt += 1) {
    try {
      await turns.take(
        async () => await take(wanted, (message) => tell({ phase: 'Running', message }), signal),
        signal,
      );
      log.info({ namespace, name, pass }, 'files are copied');
      tell({ phase: 'Done', message: 'The files are copied.' });
      return;
    } catch (err) {
      if (signal.aborted) return;
      log.warn({ err, namespace, name, pass, attempt }, 'files could not be copied');
      const what = err instanceof Wcp360Error && err.code !== 'WCP_BUG' ? err.message : 'an internal error occurred';
      tell({
        phase: 'Failed',
        message: `The files could not be copied: ${what.replace(/[.]$/, '')}. It is tried again.`,
      });
      await clock.sleep(backoffMs(patience, attempt), signal).catch(() => undefined);
    }
  }
}

function textOf({ namespace, name }: CopyKey): string {
  return `${namespace}/${name}`;
}
