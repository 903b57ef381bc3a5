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
  const backlog = createBacklog();
  const write = chunkWriter(response);
  let writing = false;
  let ended = false;
  let settled = Promise.withResolvers<void>();

  const rest = (): void => {
    settled.resolve();
    if (ended && !response.destroyed && !response.writableEnded) response.end();
  };
  const flush = (): void => {
    if (writing) return;
    if (backlog.bytes() === 0 || response.destroyed) {
      rest();
      return;
    }
    writing = true;
    write(...backlog.take(), () => {
      writing = false;
      flush();
    });
  };
  response.on('close', () => {
    backlog.take();
    writing = false;
    settled.resolve();
  });
  return {
    flush,
    add: (line) => {
      if (ended || response.destroyed || backlog.add(line) <= maxBacklogBytes) return;
      onDrop();
      response.destroy();
    },
    settled: () => {
      if (!writing && backlog.bytes() === 0) return Promise.resolve();
      settled = Promise.withResolvers();
      flush();
      return settled.promise;
    },
    end: () => {
      ended = true;
      flush();
    },
  };
}

/** Lines that wait. */
interface Backlog {
  /** Returns how many bytes wait then. */
  add(line: Buffer): number;
  bytes(): number;
  /** Hands out all of them, and their length, and is empty. */
  take(): [lines: readonly Buffer[], bytes: number];
}

function createBacklog(): Backlog {
  let lines: Buffer[] = [];
  let bytes = 0;
  return {
    add: (line) => {
      lines.push(line);
      bytes += line.length;
      return bytes;
    },
    bytes: () => bytes,
    take: () => {
      const taken: [readonly Buffer[], number] = [lines, bytes];
      lines = [];
      bytes = 0;
      return taken;
    },
  };
}
