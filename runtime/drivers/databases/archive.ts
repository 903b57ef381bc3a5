import { posix } from 'node:path';
import { formatDuration } from '#schemas/meta/duration.ts';
import { HostError, PostponedError, required, Wcp360Error } from '#runtime/base/errors.ts';
import { within } from '#runtime/base/within.ts';
import { readDump, takeDump, type Intake } from './dump.ts';
import type { DumpForm } from './dump-intake.ts';
import type { Claimant, DatabaseSettings } from './model.ts';
import { differenceOf, noted, readNoted } from './noted-contents.ts';
import { packed, unpacked } from './packed-files.ts';
import type { DatabaseProgram, ServerWay } from './programs.ts';
import type { DatabasesSnapshot } from './snapshot.ts';
import { contentsFileOf, dumpFileOf, dumpOfServer, machineOf, removeDump, type ServerHost } from './server-host.ts';

/** A database, by its name on the server, and who has it. */
export type Holding = Pick<Claimant, 'name' | 'owner'>;

/** What an engine does in its own way, so that a database can become a file, and be made from one. All can be repeated. */
export interface Archiving {
  /** What reads all of a database at one moment, as the administrator. */
  dumper(name: string, host: ServerHost, signal: AbortSignal): Promise<DatabaseProgram>;
  /** How its dumps look, and are restored by a login that may speak for nobody but itself: tenants wrote a part of what is in them. */
  form(name: string): DumpForm;
  /** Settings of what its owner has closed on the server; `undefined` when that is nothing, or Dumped. */
  closed(holding: Holding, host: ServerHost, signal: AbortSignal): Promise<DatabaseSettings | undefined>;
  /**
   * Of a Dumped one that whoever claims it may have, and who has it; RefusedError when that is somebody else, and `dumpIsLeft` where the server knows nothing of
   * what there is a file of.
   */
  dumped(claimant: Claimant, host: ServerHost, signal: AbortSignal): Promise<Dumped | undefined>;
  /** Makes a copy with nothing in it, in place of what is left of an earlier one, and gives what fills it: as a login of the moment, that can do nothing beyond. */
  prepare(
    copy: Copy,
    place: { readonly host: ServerHost; readonly way: ServerWay },
    signal: AbortSignal,
  ): Promise<DatabaseProgram>;
  /** Ends whoever fills a copy, at the server: that may not notice for long that it has nobody to answer to. */
  endFilling(name: string, host: ServerHost, signal: AbortSignal): Promise<void>;
  /** As what one that will stay is filled: as a copy, or under its own name. */
  readonly fills: Copy['to'];
  /** What was prepared is gone. */
  discard(name: string, host: ServerHost, signal: AbortSignal): Promise<void>;
  /** A copy that was filled stands under the real name from now on, its keeper's, and is put once more. */
  adopt(name: string, host: ServerHost, signal: AbortSignal): Promise<void>;
  /** What is in a database or in a copy of it, a word for each thing, always in the same order: two that have the same hold the same. */
  contents(copy: Place, host: ServerHost, signal: AbortSignal): AsyncIterable<string>;
  /**
   * Ends whoever filled a copy; what runs with the rights of who made it has its maker of `contents` again, if it is still the same. Absent where what is made has
   * no such maker. HostError for one whose rights are nobody's to give.
   */
  restoreMakers?(copy: Place, contents: AsyncIterable<string>, host: ServerHost, signal: AbortSignal): Promise<void>;
  /** It is Dumped from now on, and goes from the server; `false`, and nothing, when its owner does not have it any more. */
  setDown(
    holding: Holding & { readonly settings: DatabaseSettings },
    host: ServerHost,
    signal: AbortSignal,
  ): Promise<boolean>;
}

export interface Dumped {
  readonly settings: DatabaseSettings;
  readonly owner: string;
}

/** Where a copy of a database is. */
export interface Place {
  /** Of the database that it is a copy of. */
  readonly name: string;
  /** To compare: beside the database. To stay: what will be it. */
  readonly to: 'compare' | 'stay';
}

export interface Copy extends Place {
  readonly settings: DatabaseSettings;
}

/** Whom a job tells how far it is, and what it works on. */
interface Work {
  readonly driver: string;
  readonly host: ServerHost;
  readonly intake: Intake;
  readonly tell: (message: string) => void;
  readonly signal: AbortSignal;
}

/** A server that was made anew: whose the file is, an administrator has to say. */
export function dumpIsLeft(driver: string, host: ServerHost, name: string): PostponedError {
  const message = `There is a dump of what it held, ${dumpOfServer(driver, host, name)} below the root of its host, of which the server knows nothing: move it away, then restore from it or begin without it.`;
  return new PostponedError('DumpLeft', message);
}

/** Of what is to be had again from a file that is not there: an empty one would be taken for it. */
export function dumpIsLost(driver: string, host: ServerHost, { name, owner }: Holding): PostponedError {
  const file = dumpOfServer(driver, host, name);
  const keeper = owner.replace(/^RetainedData\//, '');
  const message = `What it held is in a file, and the file is not there: ${file}, below the root of its host. Bring it back, with ${contentsFileOf(file)}, or delete RetainedData ${keeper} to begin without it.`;
  return new PostponedError('DumpLost', message);
}

/** Which databases are a file that this machine does not have. */
export async function lostDumpsOf(
  driver: string,
  { databases }: Pick<DatabasesSnapshot, 'databases'>,
  host: ServerHost,
  signal: AbortSignal,
): Promise<ReadonlySet<string>> {
  const lost = new Set<string>();
  for (const [name, { settings }] of databases.found)
    if (
      settings?.access === 'Dumped' &&
      (await host.machine?.facts(dumpFileOf(driver, host, name), signal)) === undefined
    )
      lost.add(name);
  return lost;
}

/** With its name: what is in it is all that is left once the server has it no more. */
const ofRoot = { mode: 0o700, uid: 0, gid: 0, durable: true } as const;
const readableByRoot = { mode: 0o600, uid: 0, gid: 0 } as const;

/** All that a database holds, as SQL of one moment. */
export async function* dumpOf(
  archiving: Archiving,
  name: string,
  host: ServerHost,
  signal: AbortSignal,
): AsyncGenerator<Buffer> {
  yield* readDump(await archiving.dumper(name, host, signal), archiving.form(name), machineOf(host), signal);
}

/**
 * Makes a file of what its owner keeps closed: dump, a restore beside it, a comparison, and only then an end to the database. Nothing when it is another's by
 * now. HostError when the copy is not the same.
 */
export async function archive(archiving: Archiving, holding: Holding, work: Work): Promise<void> {
  const { driver, host, tell, signal } = work;
  const settings = await archiving.closed(holding, host, signal);
  if (settings === undefined) return;
  tell('It is being dumped.');
  await writeDump(archiving, holding.name, work);
  tell('Its dump is being verified.');
  try {
    await fill(archiving, { ...holding, to: 'compare', settings }, work);
    const difference = await compareWithNoted(archiving, { name: holding.name, to: 'compare' }, work);
    if (difference !== undefined) throw new HostError(difference);
  } finally {
    await archiving.discard(holding.name, host, signal);
  }
  tell('What is in its dump goes from the server.');
  if (!(await archiving.setDown({ ...holding, settings }, host, signal)))
    await removeDump(host, driver, holding.name, signal);
}

/** With what is in it noted beside. */
async function writeDump(
  archiving: Archiving,
  name: string,
  { driver, host, signal }: Pick<Work, 'driver' | 'host' | 'signal'>,
): Promise<void> {
  const machine = machineOf(host);
  const path = dumpFileOf(driver, host, name);
  // A machine that keeps no server for itself has none of these.
  await machine.makeDirectory(`${machine.root}/databases`, { ...ofRoot, mode: 0o711 }, signal);
  for (const directory of [posix.dirname(posix.dirname(path)), posix.dirname(path)])
    await machine.makeDirectory(directory, ofRoot, signal);
  const contents = noted(archiving.contents({ name, to: 'stay' }, host, signal));
  await machine.replaceFileWith(contentsFileOf(path), contents, readableByRoot, signal);
  await machine.replaceFileWith(path, packed(dumpOf(archiving, name, host, signal)), readableByRoot, signal);
}

/** Makes a database of a file again, under its name, still its keeper's. HostError, and the file stays, when it does not hold what is noted beside the file. */
export async function unarchive(archiving: Archiving, copy: Holding & Omit<Copy, 'to'>, work: Work): Promise<void> {
  const { name } = copy;
  const { driver, host, tell, signal } = work;
  tell('What was kept in a file is being restored.');
  await fill(archiving, { ...copy, to: 'stay' }, work);
  // Where nothing is noted, an administrator has taken that away.
  const isNoted = (await machineOf(host).facts(contentsFileOf(dumpFileOf(driver, host, name)), signal)) !== undefined;
  const difference = isNoted && (await compareWithNoted(archiving, { name, to: archiving.fills }, work));
  if (typeof difference === 'string') {
    const file = contentsFileOf(dumpOfServer(driver, host, name));
    const way = `The dump stays. To take what is in it as it is, remove ${file} below the root of its host`;
    throw new HostError(`${difference}. ${way}`);
  }
  await archiving.adopt(name, host, signal);
}

async function fill(archiving: Archiving, copy: Holding & Copy, { driver, host, intake, signal }: Work): Promise<void> {
  const path = dumpFileOf(driver, host, copy.name);
  const form = archiving.form(copy.name);
  const seat = intake.seatOf(copy.owner);
  const way = await host.way(seat.uid, signal);
  const program = await archiving.prepare(copy, { host, way }, signal);
  const file = required(await machineOf(host).openFile(path, signal), path);
  const { processes, longestMs } = intake;
  const words = `its dump was not taken in within ${formatDuration(longestMs)}: something in it may never end`;
  try {
    await within({ longestMs, words }, signal, async (bounded) => {
      await takeDump(unpacked(file), { program, form, seat, way, processes }, bounded);
    });
  } catch (err) {
    await endFilling(archiving, copy.name, host);
    throw err;
  }
}

const endFillingMs = 15_000;

/** Also of what is not wanted any more. A server that does not answer is told again when the copy is made anew, or goes. */
async function endFilling(archiving: Archiving, name: string, host: ServerHost): Promise<void> {
  const patience = AbortSignal.timeout(endFillingMs);
  try {
    await archiving.endFilling(name, host, patience);
  } catch (err) {
    if (!patience.aborted && !(err instanceof Wcp360Error)) throw err;
  }
}

/** In what a copy that was filled is not what was noted, in words; its makers are those that were noted from then on. */
async function compareWithNoted(
  archiving: Archiving,
  copy: Place,
  { driver, host, signal }: Pick<Work, 'driver' | 'host' | 'signal'>,
): Promise<string | undefined> {
  const path = contentsFileOf(dumpFileOf(driver, host, copy.name));
  await archiving.restoreMakers?.(copy, readNoted(path, host, signal), host, signal);
  const difference = await differenceOf(readNoted(path, host, signal), archiving.contents(copy, host, signal));
  return difference && `what was restored from its dump has ${difference}`;
}
