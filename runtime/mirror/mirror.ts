import { HostError } from '#runtime/base/errors.ts';
import type { Client } from '#runtime/client/client.ts';
import { streamPath } from '#schemas/meta/streams.ts';
import { differenceOf, isNothing, type Difference } from './difference.ts';
import { amend, bounded, listHere, unpack, type Change, type Here } from './here.ts';
import { entriesOf, shownPath, type Entry } from './listing.ts';

export interface MirrorOptions extends Here {
  /** The API server, as this agent; the host where the Domain is served is asked through it. */
  readonly client: Client;
  readonly namespace: string;
  readonly domain: string;
  /** Pass after pass until nothing differs, as nothing changes there any longer; or until a pass had little to do. */
  readonly isLast: boolean;
  readonly onProgress: (progress: MirrorProgress) => void;
}

/** Of one pass: what is copied so far, and what is to be. */
export interface MirrorProgress {
  readonly files: number;
  readonly filesInAll: number;
  readonly bytes: number;
  readonly bytesInAll: number;
}

export interface MirrorResult {
  readonly passes: number;
  /** Files and links that were copied, some of them perhaps in several passes. */
  readonly files: number;
  readonly bytes: number;
  /** Fifos, sockets and devices, which are not copied. */
  readonly skipped: number;
  /** What cannot be read where the Domain is served, and is missing here. */
  readonly unreadable: readonly string[];
}

/** While files change, the rest is for the last copy. */
const maxPasses = 3;
const maxLastPasses = 8;
const little = { files: 200, bytes: 16 * 1024 * 1024 } as const;
/** Of names in one request; the other side takes no more than a MiB. */
const maxNamesBytes = 768 * 1024;
const maxBatchFiles = 10_000;
/** What is copied once more after a connection broke; a larger file goes alone. */
const maxBatchBytes = 256 * 1024 * 1024;
const silenceMs = 600_000;
const reportEveryBytes = 8 * 1024 * 1024;
const shownInErrors = 3;

/**
 * Makes a Domain's directory on this host like the one where the Domain is served. Everything is done by programs that run as the tenant in its sandbox, on
 * either side. May be ended at any point: the next call goes on.
 *
 * Errors: ApiError when the other host cannot be asked; HostError when a copy broke off, when this host has no space left, and, if it is the last copy, when
 * something cannot be read or the two do not become the same; the signal's reason when aborted.
 */
export async function mirror(options: MirrorOptions): Promise<MirrorResult> {
  let [files, bytes] = [0, 0];
  for (let passes = 0; ; passes += 1) {
    const difference = await differenceOf(listThere(options), await listHere(options));
    if (options.isLast) requireReadable(difference);
    const { skipped } = difference;
    const unreadable = difference.unreadable.map(shownPath);
    if (isNothing(difference)) return { passes, files, bytes, skipped, unreadable };
    if (options.isLast && passes === maxLastPasses) throw unlike(difference);
    await carryOut(options, difference);
    files += difference.copy.length;
    bytes += difference.bytes;
    if (!options.isLast && (passes + 1 === maxPasses || isLittle(difference)))
      return { passes: passes + 1, files, bytes, skipped, unreadable };
  }
}

function isLittle({ copy, bytes }: Difference): boolean {
  return copy.length <= little.files && bytes <= little.bytes;
}

function requireReadable({ unreadable }: Difference): void {
  if (unreadable.length === 0) return;
  throw new HostError(`${unreadable.length} files or directories cannot be read: ${namesOf(unreadable)}`);
}

function unlike({ remove, directories, copy, settle }: Difference): HostError {
  const names = [...remove, ...directories, ...copy, ...settle].map(({ path }) => path);
  return new HostError(`the files do not become the same as on the other host, for instance: ${namesOf(names)}`);
}

function namesOf(paths: readonly string[]): string {
  return paths.slice(0, shownInErrors).map(shownPath).join(', ');
}

function listThere({ client, signal, ...domain }: MirrorOptions): AsyncIterable<readonly Entry[]> {
  return bounded(entriesOf(client.stream(pathOf(domain, 'files'), { signal, silenceMs })));
}

function pathOf(
  { namespace, domain }: Pick<MirrorOptions, 'namespace' | 'domain'>,
  operation: 'files' | 'archive',
): string {
  return streamPath({ resource: 'domains', subresource: 'proxy', operation, namespace, name: domain });
}

async function carryOut(options: MirrorOptions, difference: Difference): Promise<void> {
  await amend(options, preparations(difference));
  await copy(options, difference);
  const { uid } = options.seat;
  // The tenant's own group first: it gets no further than its own right where the front's directories are closed.
  await settle(
    options,
    difference.settle.filter(({ hasFrontGroup }) => !hasFrontGroup),
    uid,
  );
  await settle(
    options,
    difference.settle.filter(({ hasFrontGroup }) => hasFrontGroup),
    options.frontGid,
  );
}

function* preparations({ open, remove, directories }: Difference): Generator<Change> {
  for (const { path, mode } of open) yield { name: 'chmod', path, mode: mode | 0o700 };
  for (const { path, type, mode } of remove) yield { name: type === 'directory' ? 'rmdir' : 'unlink', path, mode };
  for (const { path, mode } of directories) yield { name: 'mkdir', path, mode: mode | 0o700 };
}

async function settle(options: MirrorOptions, entries: readonly Entry[], gid: number): Promise<void> {
  if (entries.length === 0) return;
  await amend(
    options,
    entries.map(({ path, mode }): Change => ({ name: 'settle', path, mode })),
    gid,
  );
}

async function copy(options: MirrorOptions, { copy: entries, bytes: bytesInAll }: Difference): Promise<void> {
  const done = { files: 0, bytes: 0 };
  const report = (bytes: number): void =>
    options.onProgress({ ...done, bytes: Math.min(bytes, bytesInAll), filesInAll: entries.length, bytesInAll });
  for (const batch of batchesOf(entries)) {
    report(done.bytes);
    await copyBatch(options, batch, (bytes) => report(done.bytes + bytes));
    done.files += batch.length;
    done.bytes += batch.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  }
  if (entries.length > 0) report(done.bytes);
}

function* batchesOf(entries: readonly Entry[]): Generator<readonly Entry[]> {
  let batch: Entry[] = [];
  let [namesBytes, bytes] = [0, 0];
  for (const entry of entries) {
    namesBytes += entry.path.length + 1;
    bytes += entry.sizeBytes;
    if (batch.length > 0 && (batch.length === maxBatchFiles || namesBytes > maxNamesBytes || bytes > maxBatchBytes)) {
      yield batch;
      [batch, namesBytes, bytes] = [[], entry.path.length + 1, entry.sizeBytes];
    }
    batch.push(entry);
  }
  if (batch.length > 0) yield batch;
}

async function copyBatch(
  options: MirrorOptions,
  batch: readonly Entry[],
  onBytes: (bytes: number) => void,
): Promise<void> {
  const { client, signal } = options;
  const body = Buffer.from(batch.map(({ path }) => `${path}\0`).join(''), 'latin1');
  const archive = client.stream(pathOf(options, 'archive'), { body, signal, silenceMs });
  try {
    await unpack(options, counted(archive, onBytes));
  } catch (err) {
    const files = batch.filter(({ type }) => type === 'file');
    await amend(
      options,
      files.map(({ path, mode }): Change => ({ name: 'stale', path, mode })),
    );
    throw err;
  }
}

async function* counted(archive: AsyncIterable<Buffer>, onBytes: (bytes: number) => void): AsyncGenerator<Buffer> {
  let [bytes, told] = [0, 0];
  for await (const chunk of archive) {
    bytes += chunk.length;
    if (bytes - told >= reportEveryBytes) onBytes((told = bytes));
    yield chunk;
  }
}
