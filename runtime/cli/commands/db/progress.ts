import type { Io } from '#runtime/cli/io.ts';

/** Tells how much has gone by. */
export interface Progress {
  /** Passes everything on, and counts it. */
  counting(source: AsyncIterable<Buffer>): AsyncGenerator<Buffer>;
  /** What it was in all. */
  end(): string;
}

const everyMs = 1_000;

/** On a terminal, once a second, on a line of its own; `wholeBytes`: how much it will be, where that is known. */
export function progressOn(io: Io, what: string, wholeBytes?: number): Progress {
  let bytes = 0;
  const started = performance.now();
  const tell = (): void => {
    const share = wholeBytes === undefined ? '' : ` (${Math.floor((100 * bytes) / Math.max(wholeBytes, 1))} %)`;
    io.err(`\r\u001B[K${what}: ${amount(bytes)}${share}`);
  };
  const timer = io.columns === undefined ? undefined : setInterval(tell, everyMs);
  return {
    counting: async function* count(source) {
      for await (const chunk of source) {
        bytes += chunk.length;
        yield chunk;
      }
    },
    end: () => {
      clearInterval(timer);
      if (timer !== undefined) io.err('\r\u001B[K');
      return `${amount(bytes)} in ${((performance.now() - started) / 1_000).toFixed(1)} s`;
    },
  };
}

/** `12.5 MiB` */
function amount(bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  const power = Math.min(Math.floor(Math.log2(Math.max(bytes, 1)) / 10), units.length - 1);
  return `${(bytes / 1024 ** power).toFixed(power === 0 ? 0 : 1)} ${units[power] ?? ''}`;
}
