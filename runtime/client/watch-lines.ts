import { HostError } from '#runtime/base/errors.ts';

const newline = 0x0a;

/**
 * Cuts a byte stream into lines, given out by chunk so that a burst costs one step; empty lines are left out.
 * HostError when a line is longer than `maxBytes`, or when the stream ends inside one.
 */
export async function* linesOf(chunks: AsyncIterable<Buffer>, maxBytes: number): AsyncGenerator<readonly string[]> {
  let rest: Buffer[] = [];
  let restBytes = 0;
  for await (const chunk of chunks) {
    const lines: string[] = [];
    let from = 0;
    for (let end = chunk.indexOf(newline); end >= 0; end = chunk.indexOf(newline, from)) {
      const line = restBytes === 0 ? chunk.toString('utf8', from, end) : joined(rest, chunk.subarray(from, end));
      if (restBytes > 0) {
        rest = [];
        restBytes = 0;
      }
      if (line.length > 1) lines.push(line);
      from = end + 1;
    }
    if (from < chunk.length) {
      rest.push(chunk.subarray(from));
      restBytes += chunk.length - from;
      if (restBytes > maxBytes) throw new HostError(`an event of the watch is longer than ${maxBytes} bytes`);
    }
    if (lines.length > 0) yield lines;
  }
  if (restBytes > 0) throw new HostError('the watch ended inside an event');
}

function joined(rest: readonly Buffer[], end: Buffer): string {
  return Buffer.concat([...rest, end]).toString('utf8');
}
