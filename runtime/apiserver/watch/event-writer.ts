import type { RawResponse } from '#runtime/apiserver/http/exchange.ts';
import { chunkWriter } from './chunk-writer.ts';

/**
 * Writes the events of one watch to its connection, one write under way at a time: whatever comes meanwhile is joined into the next one, so
 * a busy or slow connection costs fewer, larger writes instead of more memory per event.
 *
 * Guarantees: order is kept; `add` and `hold` never block. A connection whose backlog, with what is held, grows beyond the bound is destroyed, and its
 * client resumes.
 */
export interface EventWriter {
  /** Takes a line; it is written by the next `flush`. */
  add(line: Buffer): void;
  /** Takes a line that comes after all that is added before `release`. `pinnedBytes` are kept in memory by what is still to be added, and count too. */
  hold(line: Buffer, pinnedBytes: number): void;
  /** Adds what was held. */
  release(): void;
  flush(): void;
  /** Resolves when everything added so far is written, or the connection is gone. */
  settled(): Promise<void>;
  /** Ends the response after what was added; nothing can be added afterwards. */
  end(): void;
  /** Destroys the connection. */
  drop(): void;
}

/** Backlog, or what is held, at which a connection counts as too slow. */
const maxBacklogBytes = 16 * 1024 * 1024;

export function createEventWriter(response: RawResponse, onDrop: () => void): EventWriter {
  const backlog = createBacklog();
  const outlet = createOutlet(response, backlog);
  const drop = (): void => {
    onDrop();
    response.destroy();
  };
  const put = (line: Buffer, pinnedBytes?: number): void => {
    if (!outlet.isOpen()) return;
    if (pinnedBytes === undefined) backlog.add(line);
    else backlog.hold(line, pinnedBytes);
    if (backlog.size() > maxBacklogBytes) drop();
  };
  const { flush, settled, end } = outlet;
  return { add: (line) => put(line), hold: put, release: backlog.release, flush, settled, end, drop };
}

interface Outlet extends Pick<EventWriter, 'flush' | 'settled' | 'end'> {
  /** Neither ended nor gone. */
  isOpen(): boolean;
}

/** Writes all of a backlog, one write under way at a time. */
function createOutlet(response: RawResponse, backlog: Backlog): Outlet {
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
    backlog.release();
    backlog.take();
    writing = false;
    settled.resolve();
  });
  return {
    flush,
    isOpen: () => !ended && !response.destroyed,
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
  add(line: Buffer): void;
  /** Puts a line aside until `release`; it and what it pins count in `size` only. */
  hold(line: Buffer, pinnedBytes: number): void;
  release(): void;
  /** Of the lines that can be taken. */
  bytes(): number;
  size(): number;
  /** Hands out all of them, and their length, and is empty. */
  take(): [lines: readonly Buffer[], bytes: number];
}

function createBacklog(): Backlog {
  let [lines, bytes]: [Buffer[], number] = [[], 0];
  let [held, heldBytes]: [Buffer[], number] = [[], 0];
  const add = (line: Buffer): void => {
    lines.push(line);
    bytes += line.length;
  };
  return {
    add,
    hold: (line, pinnedBytes) => {
      held.push(line);
      heldBytes += line.length + pinnedBytes;
    },
    release: () => {
      for (const line of held) add(line);
      [held, heldBytes] = [[], 0];
    },
    bytes: () => bytes,
    size: () => bytes + heldBytes,
    take: () => {
      const taken: [readonly Buffer[], number] = [lines, bytes];
      [lines, bytes] = [[], 0];
      return taken;
    },
  };
}
