import type { RawResponse } from '#runtime/apiserver/http/exchange.ts';
import { chunkWriter } from './chunk-writer.ts';

/**
 * Writes the events of one watch to its connection, one write under way at a time: whatever comes meanwhile is joined into the next one, so
 * a busy or slow connection costs fewer, larger writes instead of more memory per event.
 *
 * Guarantees: order is kept; `add` never blocks. A connection whose backlog grows beyond the bound is destroyed, and its client resumes.
 */
export interface EventWriter {
  /** Takes a line; it is written by the next `flush`. */
  add(line: Buffer): void;
  flush(): void;
  /** Resolves when everything added so far is written, or the connection is gone. */
  settled(): Promise<void>;
  /** Ends the response after what was added; nothing can be added afterwards. */
  end(): void;
}

/** Backlog at which a connection counts as too slow. */
const maxBacklogBytes = 16 * 1024 * 1024;

export function createEventWriter(response: RawResponse, onDrop: () => void): EventWriter {
  const write = chunkWriter(response);
  let lines: Buffer[] = [];
  let bytes = 0;
  let writing = false;
  let ended = false;
  let waiters: (() => void)[] = [];

  const wake = (): void => {
    const woken = waiters;
    waiters = [];
    for (const resolve of woken) resolve();
  };
  const flush = (): void => {
    if (writing) return;
    if (bytes === 0 || response.destroyed) {
      if (ended && !response.destroyed && !response.writableEnded) response.end();
      wake();
      return;
    }
    const [taken, size] = [lines, bytes];
    lines = [];
    bytes = 0;
    writing = true;
    write(taken, size, () => {
      writing = false;
      flush();
    });
  };
  response.on('close', () => {
    lines = [];
    bytes = 0;
    writing = false;
    wake();
  });
  return {
    add: (line) => {
      if (ended || response.destroyed) return;
      lines.push(line);
      bytes += line.length;
      if (bytes <= maxBacklogBytes) return;
      onDrop();
      response.destroy();
    },
    flush,
    settled: () => {
      if (!writing && bytes === 0) return Promise.resolve();
      return new Promise((resolve) => {
        waiters.push(resolve);
        flush();
      });
    },
    end: () => {
      ended = true;
      flush();
    },
  };
}
