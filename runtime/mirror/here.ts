import type { Writable } from 'node:stream';
import { HostError } from '#runtime/base/errors.ts';
import type { TenantProcess, TenantProcesses, TenantSeat } from '#runtime/host/tenant-processes.ts';
import { entriesOf, shownPath, type Entry } from './listing.ts';
import { amendCommand, listCommand, unpackCommand } from './programs.ts';

/** A Domain's directory on this host. */
export interface Here {
  readonly processes: TenantProcesses;
  /** As whom, and where: its working directory is the Domain's. */
  readonly seat: TenantSeat;
  /** The web front's group on this host. */
  readonly frontGid: number;
  readonly signal: AbortSignal;
}

/** One thing for `amendCommand` to do. */
export interface Change {
  readonly name: 'chmod' | 'mkdir' | 'rmdir' | 'settle' | 'stale' | 'unlink';
  readonly mode: number;
  readonly path: string;
}

/** A program that has ended. */
interface Ended {
  readonly exitCode: number;
  /** Of what it wrote on stderr, the last. */
  readonly words: string;
  /** Why it was not given, or did not give, all. */
  readonly broken: Error | undefined;
}

const maxWordsCharacters = 4_096;
/** More entries than agents have memory for. */
const maxEntries = 2_000_000;
/** GNU tar does not ask why less was written than it wanted. */
const noSpace = /No space left on device|Disk quota exceeded|Wrote only \d+ of \d+ bytes/u;
const chunkBytes = 65_536;

/** What there is, by path. */
export async function listHere(here: Here): Promise<Map<string, Entry>> {
  const found = new Map<string, Entry>();
  const process = start(here, { isReadOnly: true, command: listCommand(here.seat.uid, here.frontGid) });
  process.stdin.end();
  const ended = await endOf(here, process, async () => {
    for await (const entries of bounded(entriesOf(process.stdout))) {
      for (const entry of entries) found.set(entry.path, entry);
    }
  });
  requireSuccess('the files on this host could not be listed', ended);
  return found;
}

/** HostError once there are more entries than an agent has memory for. */
export async function* bounded(listing: AsyncIterable<readonly Entry[]>): AsyncGenerator<readonly Entry[]> {
  let count = 0;
  for await (const entries of listing) {
    count += entries.length;
    if (count > maxEntries) throw new HostError(`there are more than ${maxEntries} files and directories`);
    yield entries;
  }
}

/** Carries changes out in their order. HostError that names some that could not be made. Those of `settle` give the tenant's own group unless told otherwise. */
export async function amend(here: Here, changes: Iterable<Change>, gid = here.frontGid): Promise<void> {
  const process = start(here, { isReadOnly: false, command: amendCommand, gid });
  let failures = '';
  process.stdout.on('data', (chunk: Buffer) => {
    failures = (failures + chunk.toString('latin1')).slice(0, maxWordsCharacters);
  });
  const ended = await endOf(here, process, () => pour(recordsOf(changes), process));
  requireSuccess('files on this host could not be changed', ended);
  if (failures !== '') throw new HostError(`files on this host could not be changed: ${shownNames(failures)}`);
}

/** Unpacks an archive. HostError when that, or the archive, fails; files may be there then that only look complete. */
export async function unpack(here: Here, archive: AsyncIterable<Buffer>): Promise<void> {
  const process = start(here, { isReadOnly: false, command: unpackCommand });
  process.stdout.resume();
  const ended = await endOf(here, process, () => pour(archive, process));
  requireSuccess('files could not be written on this host', ended);
}

interface Program {
  readonly isReadOnly: boolean;
  readonly command: readonly string[];
  /** In whose group; the front's unless given. */
  readonly gid?: number;
}

function start({ processes, seat, frontGid }: Here, { isReadOnly, command, gid }: Program): TenantProcess {
  return processes.start({ ...seat, isReadOnly, copyingGid: gid ?? frontGid }, command);
}

/** Resolves when it has ended. The signal's reason when aborted. */
async function endOf({ signal }: Here, process: TenantProcess, work: () => Promise<void>): Promise<Ended> {
  const stop = (): void => process.kill();
  signal.addEventListener('abort', stop);
  let words = '';
  process.stderr.on('data', (chunk: Buffer) => {
    words = (words + chunk.toString()).slice(-maxWordsCharacters);
  });
  try {
    signal.throwIfAborted();
    const broken = await work().then(
      () => undefined,
      (err: Error) => {
        process.stdin.end();
        process.stdout.resume();
        return err;
      },
    );
    const exitCode = await process.ended;
    signal.throwIfAborted();
    return { exitCode, words, broken };
  } finally {
    signal.removeEventListener('abort', stop);
    process.kill();
  }
}

/** Gives a program its input, no faster than it is taken. One that ended well before the last of it is no reason not to hear how that ends. */
async function pour(input: AsyncIterable<Buffer> | Iterable<Buffer>, { stdin, ended }: TenantProcess): Promise<void> {
  for await (const bytes of input) {
    if (stdin.writable && !stdin.write(bytes)) await drained(stdin);
    if (!stdin.writable && (await ended) !== 0) return;
  }
  stdin.end();
}

async function drained(stdin: Writable): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  stdin.once('drain', resolve).once('close', resolve);
  await promise;
  stdin.off('drain', resolve).off('close', resolve);
}

function requireSuccess(what: string, { exitCode, words, broken }: Ended): void {
  if (noSpace.test(words)) throw new HostError(`${what}: there is no space left`, { exitCode });
  if (broken !== undefined) throw broken;
  if (exitCode !== 0)
    throw new HostError(`${what}: ${words.trim() || `the program ended with ${exitCode}`}`, { exitCode });
}

function* recordsOf(changes: Iterable<Change>): Generator<Buffer> {
  let text = '';
  for (const { name, mode, path } of changes) {
    text += `${name} ${mode.toString(8)} ${path}\0`;
    if (text.length < chunkBytes) continue;
    yield Buffer.from(text, 'latin1');
    text = '';
  }
  if (text !== '') yield Buffer.from(text, 'latin1');
}

function shownNames(failures: string): string {
  return failures.split('\0').slice(0, 3).filter(Boolean).map(shownPath).join(', ');
}
