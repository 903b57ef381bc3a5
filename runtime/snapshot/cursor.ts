import { damaged, longestPartBytes } from './format.ts';

/** Takes lines and counted bytes from a stream. Holds one chunk, and no more than one part beyond it. */
export interface Cursor {
  /** Bytes taken so far. */
  position(): number;
  /** Up to the next line feed, which is taken, too, and not returned. */
  line(options?: { readonly isHashed: boolean }): Promise<Buffer>;
  take(bytes: number): Promise<Buffer>;
  isAtEnd(): Promise<boolean>;
}

const newline = 0x0a;

/** `onTaken` sees every byte in order, but those of lines that are not to be hashed. */
export function createCursor(chunks: AsyncIterable<Buffer>, onTaken: (bytes: Buffer) => void): Cursor {
  const iterator = chunks[Symbol.asyncIterator]();
  let held: Buffer = Buffer.alloc(0);
  let position = 0;

  async function more(): Promise<boolean> {
    const next = await iterator.next();
    if (next.done === true) return false;
    held = held.length === 0 ? next.value : Buffer.concat([held, next.value]);
    return true;
  }
  async function need(): Promise<void> {
    if (!(await more())) throw damaged(`the snapshot is cut short: it ends after ${position + held.length} bytes`);
  }
  function taken(bytes: number, isHashed = true): Buffer {
    const part = held.subarray(0, bytes);
    held = held.subarray(bytes);
    position += bytes;
    if (isHashed) onTaken(part);
    return part;
  }
  return {
    position: () => position,
    line: async ({ isHashed } = { isHashed: true }) => {
      let end = held.indexOf(newline);
      while (end < 0) {
        if (held.length > longestPartBytes) throw damaged(`the line at byte ${position} does not end`);
        const looked = held.length;
        await need();
        end = held.indexOf(newline, looked);
      }
      return taken(end + 1, isHashed).subarray(0, end);
    },
    take: async (bytes) => {
      while (held.length < bytes) await need();
      return taken(bytes);
    },
    isAtEnd: async () => held.length === 0 && !(await more()),
  };
}
