import { posix } from 'node:path';
import { createGunzip, createGzip } from 'node:zlib';
import { pipeline, PassThrough } from 'node:stream';
import { HostError, PostponedError, required } from '#runtime/base/errors.ts';
import { readDump, takeDump, type Intake } from './dump.ts';
import type { DumpForm } from './dump-intake.ts';
import type { Claimant, DatabaseSettings } from './model.ts';
import type { DatabaseProgram, ServerWay } from './programs.ts';
import type { DatabasesSnapshot } from './snapshot.ts';
import {
  contentsFileOf,
  dumpFileOf,
  dumpOfServer,
  machineOf,
  removeDump,
  type Administrator,
  type ServerHost,
} from './server-host.ts';

/** A database, by its name on the server, and who has it. */
export type Holding = Pick<Claimant, 'name' | 'owner'>;

/** What an engine does in its own way, so that a database can become a file, and be made from one. All can be repeated. */
export interface Archiving {
  /** What reads all of a database at one moment, as the administrator. */
  dumper(name: string, host: ServerHost, signal: AbortSignal): Promise<DatabaseProgram>;
  /** How its dumps look. What is in them keeps those who made it, as far as they can be told. */
  form(administrator: Pick<Administrator, 'username'>): DumpForm;
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
  /** As what one that will stay is filled: as a copy, or under its own name. */
  readonly fills: Copy['to'];
  /** What was prepared is gone. */
  discard(name: string, host: ServerHost, signal: AbortSignal): Promise<void>;
  /** A copy that was filled stands under the real name from now on, its keeper's, and is put once more. */
  adopt(name: string, host: ServerHost, signal: AbortSignal): Promise<void>;
  /** What is in a database or in a copy of it, a line for each thing: two that have the same hold the same. */
  contents(copy: Omit<Copy, 'settings'>, host: ServerHost, signal: AbortSignal): Promise<readonly string[]>;
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

export interface Copy {
  /** Of the database that it is a copy of. */
  readonly name: string;
  /** To compare: beside the database. To stay: what will be it. */
  readonly to: 'compare' | 'stay';
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
  const form = archiving.form(await host.administrator(signal));
  yield* readDump(await archiving.dumper(name, host, signal), form, machineOf(host), signal);
}

/**
 * Makes a file of what its owner keeps closed: dump, a restore beside it, a comparison, and only then an end to the database. Nothing when it is another's by
 * now. HostError when the copy is not the same.
 */
export async function archive(archiving: Archiving, holding: Holding, work: Work): Promise<void> {
  const { driver, host, tell, signal } = work;
  const settings = await archiving.closed(holding, host, signal);
  if (settings === undefined) return;
  const { name } = holding;
  const machine = machineOf(host);
  const path = dumpFileOf(driver, host, name);
  tell('It is being dumped.');
  // A machine that keeps no server for itself has none of these.
  await machine.makeDirectory(`${machine.root}/databases`, { ...ofRoot, mode: 0o711 }, signal);
  for (const directory of [posix.dirname(posix.dirname(path)), posix.dirname(path)])
    await machine.makeDirectory(directory, ofRoot, signal);
  await machine.replaceFileWith(path, packed(dumpOf(archiving, name, host, signal)), readableByRoot, signal);
  tell('Its dump is being verified.');
  try {
    await fill(archiving, { ...holding, to: 'compare', settings }, work);
    const [has, copy] = [
      await archiving.contents({ name, to: 'stay' }, host, signal),
      await archiving.contents({ name, to: 'compare' }, host, signal),
    ];
    requireSame(has, copy);
    await machine.replaceFile(contentsFileOf(path), JSON.stringify(has), { ...readableByRoot, durable: true }, signal);
  } finally {
    await archiving.discard(name, host, signal);
  }
  tell('What is in its dump goes from the server.');
  if (!(await archiving.setDown({ ...holding, settings }, host, signal))) await removeDump(host, driver, name, signal);
}

/** Makes a database of a file again, under its name, still its keeper's. HostError, and the file stays, when it does not hold what is noted beside the file. */
export async function unarchive(archiving: Archiving, copy: Holding & Omit<Copy, 'to'>, work: Work): Promise<void> {
  const { name } = copy;
  const { driver, host, tell, signal } = work;
  tell('What was kept in a file is being restored.');
  await fill(archiving, { ...copy, to: 'stay' }, work);
  await compareWithNoted(archiving, name, { driver, host, signal });
  await archiving.adopt(name, host, signal);
}

async function fill(archiving: Archiving, copy: Holding & Copy, { driver, host, intake, signal }: Work): Promise<void> {
  const path = dumpFileOf(driver, host, copy.name);
  const form = archiving.form(await host.administrator(signal));
  const seat = intake.seatOf(copy.owner);
  const way = await host.way(seat.uid, signal);
  const program = await archiving.prepare(copy, { host, way }, signal);
  const file = required(await machineOf(host).openFile(path, signal), path);
  await takeDump(unpacked(file), { program, form, seat, way, processes: intake.processes }, signal);
}

/** A line for each column of each table: far more than a server bears. */
const notedBytes = 256 * 1024 * 1024;

/** Where nothing is noted, an administrator has taken that away. */
async function compareWithNoted(
  archiving: Archiving,
  name: string,
  { driver, host, signal }: Pick<Work, 'driver' | 'host' | 'signal'>,
): Promise<void> {
  const path = contentsFileOf(dumpFileOf(driver, host, name));
  const noted = await machineOf(host).readText(path, signal, notedBytes);
  if (noted === undefined) return;
  const has = await archiving.contents({ name, to: archiving.fills }, host, signal);
  try {
    requireSame(JSON.parse(noted) as readonly string[], has);
  } catch (err) {
    const file = contentsFileOf(dumpOfServer(driver, host, name));
    const words = err instanceof HostError ? err.message : 'what is noted beside its dump cannot be read';
    const way = `The dump stays. To take what is in it as it is, remove ${file} below the root of its host`;
    throw new HostError(`${words}. ${way}`, {}, { cause: err });
  }
}

function requireSame(has: readonly string[], copy: readonly string[]): void {
  const copied = new Set(copy);
  const missing = has.find((line) => !copied.has(line));
  if (missing !== undefined) throw new HostError(`what was restored from its dump lacks: ${missing}`);
  const had = new Set(has);
  const surplus = copy.find((line) => !had.has(line));
  if (surplus !== undefined) throw new HostError(`what was restored from its dump has beside: ${surplus}`);
}

function packed(source: AsyncIterable<Buffer>): AsyncIterable<Buffer> {
  return through(source, createGzip({ level: 4 }));
}

function unpacked(source: AsyncIterable<Buffer>): AsyncIterable<Buffer> {
  return through(source, createGunzip());
}

/** Whoever reads it is told when its source breaks. */
function through(source: AsyncIterable<Buffer>, transform: ReturnType<typeof createGzip>): AsyncIterable<Buffer> {
  const out = new PassThrough();
  pipeline(source, transform, out, (err) => void (err && out.destroy(err)));
  return out;
}
