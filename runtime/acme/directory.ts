import { AcmeProblem } from '#runtime/base/errors.ts';
import { plain } from './problem.ts';

/** What a CA can be asked for, and where (RFC 8555 §7.1.1). */
export type Directory = Readonly<Record<string, unknown>>;

const needed = ['newNonce', 'newAccount', 'newOrder'] as const;
/** A CA may move what it offers. */
const freshMs = 24 * 3_600_000;

/** Reads the directory of a CA and keeps it for a day; what is none is not kept. AcmeProblem. */
export function createDirectory(
  url: string,
  read: () => Promise<unknown>,
  now: () => number,
): () => Promise<Directory> {
  let kept: { readonly directory: Directory; readonly untilMs: number } | undefined;
  return async () => {
    if (kept !== undefined && now() < kept.untilMs) return kept.directory;
    const directory = directoryIn(await read(), url);
    kept = { directory, untilMs: now() + freshMs };
    return directory;
  };
}

function directoryIn(data: unknown, url: string): Directory {
  const fields: Directory = typeof data === 'object' && data !== null ? (data as Directory) : {};
  const missing = needed.find((name) => !isHttps(fields[name]));
  if (missing === undefined) return fields;
  throw new AcmeProblem(
    'malformedAnswer',
    `${plain(url)} is no directory of an ACME CA now: it names no https URL ${missing}. spec.acme.server has to be one`,
  );
}

function isHttps(value: unknown): boolean {
  return typeof value === 'string' && URL.parse(value)?.protocol === 'https:';
}
