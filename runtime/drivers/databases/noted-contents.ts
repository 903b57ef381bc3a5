import { HostError, required } from '#runtime/base/errors.ts';
import { packed, unpacked } from './packed-files.ts';
import { machineOf, type ServerHost } from './server-host.ts';

/** Each column of each table is one. A database with more is not compared, and so stays on its server. */
const mostThings = 10_000_000;
const chunkCharacters = 65_536;

/**
 * What is in a database as a file: a JSON string a line, packed. It is written and read as it comes, so that no more than a piece of it is in memory. HostError for
 * one with too many things.
 */
export function noted(contents: AsyncIterable<string>, most = mostThings): AsyncIterable<Buffer> {
  return packed(linesOf(contents, most));
}

async function* linesOf(contents: AsyncIterable<string>, most: number): AsyncGenerator<Buffer> {
  let text = '';
  let count = 0;
  for await (const thing of contents) {
    count += 1;
    if (count > most) throw new HostError(`it has more than ${most} tables, columns and other things`);
    text += `${JSON.stringify(thing)}\n`;
    if (text.length < chunkCharacters) continue;
    yield Buffer.from(text);
    text = '';
  }
  yield Buffer.from(text);
}

/** What `noted` wrote, opened when it is read. HostError where that is something else. */
export async function* readNoted(path: string, host: ServerHost, signal: AbortSignal): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let rest = '';
  try {
    for await (const chunk of unpacked(required(await machineOf(host).openFile(path, signal), path))) {
      const lines = `${rest}${decoder.decode(chunk, { stream: true })}`.split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) yield String(JSON.parse(line));
    }
  } catch (err) {
    throw new HostError(`what is noted beside a dump cannot be read: ${path}`, {}, { cause: err });
  }
}

/** The first thing in which the second is not the first, in words; `undefined` when they are the same. Both come in the same order. */
export async function differenceOf(
  has: AsyncIterable<string>,
  copy: AsyncIterable<string>,
): Promise<string | undefined> {
  const [own, other] = [has[Symbol.asyncIterator](), copy[Symbol.asyncIterator]()];
  try {
    for (;;) {
      const [one, two] = [await own.next(), await other.next()];
      if (one.done === true && two.done === true) return undefined;
      if (one.value !== two.value) return `${wordsFor(two)} in place of ${wordsFor(one)}`;
    }
  } finally {
    await own.return?.();
    await other.return?.();
  }
}

function wordsFor({ done, value }: IteratorResult<string, unknown>): string {
  return done === true ? 'nothing more' : `“${String(value)}”`;
}
