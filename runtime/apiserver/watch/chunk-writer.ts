import type { RawResponse } from '#runtime/apiserver/http/exchange.ts';

/** Writes lines as one piece; `written` is called when the connection has taken it. */
export type ChunkWriter = (lines: readonly Buffer[], bytes: number, written: () => void) => void;

/** The part of an HTTP/1.1 response that `chunkWriter` goes past. */
interface ChunkedResponse {
  readonly chunkedEncoding: boolean;
  readonly headersSent: boolean;
  readonly writableLength: number;
  readonly socket: { write(chunk: Buffer, written: () => void): boolean; readonly destroyed: boolean } | null;
}

/**
 * The cheapest way to write to a response. On HTTP/1.1 the frame of a chunk is put around lines once for all watchers that get the same, and goes
 * to the socket in one piece: the response object would make three buffers and a vectored write of every line of every watcher (measured:
 * a third of the CPU of a fan-out). HTTP/2 frames by itself.
 */
export function chunkWriter(response: RawResponse): ChunkWriter {
  const chunked = asChunked(response);
  if (chunked === undefined) return (lines, bytes, written) => void response.write(joined(lines, bytes), written);
  return (lines, bytes, written) => {
    const { socket } = chunked;
    if (socket === null || socket.destroyed) return;
    socket.write(frameOf(lines, bytes), written);
  };
}

function asChunked(response: RawResponse): ChunkedResponse | undefined {
  const { chunkedEncoding, socket, writableLength } = response as unknown as Partial<ChunkedResponse>;
  // A response that waits behind another one on its connection has no socket yet.
  const isPlain = chunkedEncoding === true && socket !== null && socket !== undefined && writableLength !== undefined;
  return isPlain ? (response as unknown as ChunkedResponse) : undefined;
}

interface Frame {
  readonly lines: readonly Buffer[];
  readonly chunk: Buffer;
}

/** The last frame that began with a line. */
const frames = new WeakMap<Buffer, Frame>();

function frameOf(lines: readonly Buffer[], bytes: number): Buffer {
  const [first] = lines;
  if (first === undefined) return makeFrame(lines, bytes);
  const known = frames.get(first);
  if (known !== undefined && isSameLines(known.lines, lines)) return known.chunk;
  const chunk = makeFrame(lines, bytes);
  frames.set(first, { lines, chunk });
  return chunk;
}

function isSameLines(a: readonly Buffer[], b: readonly Buffer[]): boolean {
  return a.length === b.length && a.every((line, index) => line === b[index]);
}

const lineEnd = Buffer.from('\r\n');

/** RFC 9112, section 7.1: the length in hexadecimal digits, the text, and line ends after both. */
function makeFrame(lines: readonly Buffer[], bytes: number): Buffer {
  const length = Buffer.from(`${bytes.toString(16)}\r\n`, 'latin1');
  return Buffer.concat([length, ...lines, lineEnd], length.length + bytes + lineEnd.length);
}

function joined(lines: readonly Buffer[], bytes: number): Buffer {
  const [line] = lines;
  return lines.length === 1 && line !== undefined ? line : Buffer.concat(lines, bytes);
}
