import { lineTimeMs } from './line-time.ts';

/** A line that is longer goes out in pieces: one without an end, which a tenant may write, is held nowhere. */
const longestPiece = 64 * 1024;
/** A time stands within them. */
const headBytes = 2_048;
const lineFeed = 0x0a;

interface Piece {
  readonly bytes: Buffer;
  /** False: the line has begun before. */
  readonly isStart: boolean;
}

/** Of the bytes of a log the lines that were written then or later, in epoch ms; one without a time belongs to the one before it. */
export async function* selectLines(source: AsyncIterable<Buffer>, sinceMs: number): AsyncGenerator<Buffer> {
  let isNew = false;
  for await (const { bytes, isStart } of piecesOf(source)) {
    const timeMs = isStart ? lineTimeMs(bytes.toString('utf8', 0, headBytes)) : undefined;
    // Times of logs are whole seconds.
    if (timeMs !== undefined) isNew = timeMs >= sinceMs - 1_000;
    if (isNew) yield bytes;
  }
}

async function* piecesOf(source: AsyncIterable<Buffer>): AsyncGenerator<Piece> {
  let rest: Buffer = Buffer.alloc(0);
  let isStart = true;
  for await (const chunk of source) {
    rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    for (let size = pieceSize(rest); size > 0; size = pieceSize(rest)) {
      const bytes = rest.subarray(0, size);
      yield { bytes, isStart };
      isStart = bytes.at(-1) === lineFeed;
      rest = rest.subarray(size);
    }
  }
  if (rest.length > 0) yield { bytes: rest, isStart };
}

/** 0: what is there neither ends a line nor is as long as a piece may be. */
function pieceSize(bytes: Buffer): number {
  const size = bytes.subarray(0, longestPiece).indexOf(lineFeed) + 1;
  return size === 0 && bytes.length >= longestPiece ? longestPiece : size;
}
