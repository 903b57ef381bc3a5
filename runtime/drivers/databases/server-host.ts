import type { Duplex } from 'node:stream';
import { HostError, PostponedError, required } from '#runtime/base/errors.ts';
import type { Host, ReadOnlyHost } from '#runtime/host/host.ts';
import { dumpPath } from './model.ts';
import type { ServerWay } from './programs.ts';

/** As whom a database server is administered, and by what it is known. */
export interface Administrator {
  readonly username: string;
  /** Absent where the server knows by the kernel's word who comes. */
  readonly password?: string;
  /** Absent on a socket of this machine: there TLS would hide nothing. */
  readonly tls?: ServerIdentity;
}

/** A connection to a database server that stands, and who may be said to come by it. */
export interface Entrance extends Administrator {
  readonly stream: Duplex;
}

/** This machine, as dumps need it: they are files of it, and programs of it make and take them. */
export type DumpMachine = Pick<
  Host,
  | 'root'
  | 'capabilities'
  | 'facts'
  | 'readText'
  | 'openFile'
  | 'makeDirectory'
  | 'replaceFile'
  | 'replaceFileWith'
  | 'removeFile'
  | 'startProgram'
>;

/** By what a server is known before it is told a password. */
export interface ServerIdentity {
  /** What its certificate has to be for. */
  readonly name: string;
  /** In PEM; those that this system trusts when absent. */
  readonly authorities?: string;
}

/** What a server is known by over the network, in PEM. */
export interface ServerKeyPair {
  readonly certificate: string;
  readonly key: string;
}

/** Where a database server runs, as far as its administrator sees that: on this machine, or elsewhere. One object stands for one server. */
export interface ServerHost extends Pick<ReadOnlyHost, 'readProgramText'> {
  /** Name of the DatabaseServer; empty for the server that this machine keeps for itself. */
  readonly server: string;
  /** False where none was made so far: then nothing is there. */
  hasServer(signal: AbortSignal): Promise<boolean>;
  /** Makes and starts it, unless it runs. Absent: that is somebody else's. HostError when it does not start. */
  start?(signal: AbortSignal): Promise<void>;
  /** HostError when nobody answers. */
  enter(signal: AbortSignal): Promise<Entrance>;
  /** How programs that run as `uid` come to it: by its own socket, or by one that leads there, and to no other than is meant. HostError when there is none. */
  way(uid: number, signal: AbortSignal): Promise<ServerWay>;
  /** Another installation may have marks of its own there, and nothing tells whose they are. */
  readonly isShared?: true;
  /** Whether it is reached over the network. */
  readonly isRemote: boolean;
  /** As whom they administer it, and `enter` does. PostponedError where that is not known. */
  administrator(signal: AbortSignal): Promise<Administrator>;
  /** Has it let in members of roles from these networks, from the time on that it is told so; whether that is anything new. Absent: who may come from where is not ours to say. */
  admit?(
    networks: readonly { readonly network: string; readonly group: string }[],
    signal: AbortSignal,
  ): Promise<boolean>;
  /** Absent: nothing of it becomes a file. */
  readonly machine?: DumpMachine;
  /** Bytes of the files of each of these databases that no statement tells of. Absent: they are on another machine, or nobody's of ours to look at. */
  readonly filesBeside?: (databases: readonly string[], signal: AbortSignal) => Promise<ReadonlyMap<string, number>>;
  /** The least and the largest version that will do; absent: any that the driver knows. */
  readonly versions?: VersionRange;
  /** Who is noted on a server that nobody has taken up. Absent: nobody. */
  readonly installation?: (signal: AbortSignal) => Promise<string | undefined>;
  /** Whether no DatabaseServer of this name is declared any more: what is noted of it counts no more. Absent: nobody knows. */
  readonly isGone?: (server: string) => boolean;
  /** Told whenever it is looked at. */
  readonly onVersion?: (version: string) => void;
}

/** Who uses a server as its DatabaseServer; noted there, beside our marks, by whoever takes it up first. */
export interface ServerHolder {
  /** By which an installation is known: the uid of its namespace `wcp360-system`. */
  readonly installation: string;
  /** Name of the DatabaseServer. */
  readonly server: string;
}

/** As whom a server elsewhere is used from here; `undefined` where that is not noted. */
export async function holderHere(
  { server, installation, isGone = () => false }: ServerHost,
  signal: AbortSignal,
): Promise<HolderHere | undefined> {
  const ours = await installation?.(signal);
  return ours === undefined ? undefined : { installation: ours, server, isGone };
}

export interface HolderHere extends ServerHolder, Required<Pick<ServerHost, 'isGone'>> {}

/** PostponedError `ServerUnfit` where another one is noted: two may have looked before either was, and a name may lead to another server than before. */
export function requireHolder(noted: ServerHolder | undefined, here: HolderHere): void {
  if (noted === undefined) throw new HostError('nobody is noted on the database server any more');
  const { installation, server } = noted;
  if (installation === here.installation && (server === here.server || here.isGone(server))) return;
  throw new PostponedError(
    'ServerUnfit',
    `The server is used by another one (${installation}, as ${server}): DatabaseServer ${here.server} says what to do.`,
  );
}

/** Says who is to be noted in place of whoever is, or `undefined`; throws where the server is somebody else's. */
export type JudgeHolder = (holder: ServerHolder) => ServerHolder | undefined;

/** As many numbers as one likes: 16.4 is within a range that ends with 16. */
export interface VersionRange {
  readonly min?: string;
  readonly max?: string;
}

/** PostponedError `VersionUnfit` for one out of the range that is wanted, or older than what the driver knows. */
export function checkVersion(version: string, range: VersionRange, oldest: string): void {
  if (isWithin(version, range) && isWithin(version, { min: oldest })) return;
  const least = range.min !== undefined && isWithin(range.min, { min: oldest }) ? range.min : oldest;
  const most = range.max === undefined ? '' : ` up to ${range.max}`;
  throw new PostponedError(
    'VersionUnfit',
    `The server is of version ${version}: it has to be one from ${least}${most}.`,
  );
}

/** Whether a version is in a range: `15.8` is from 15 on, and up to 15. */
function isWithin(version: string, { min, max }: VersionRange): boolean {
  return (min === undefined || compared(version, min) >= 0) && (max === undefined || compared(version, max) <= 0);
}

/** By as many numbers as the bound has. */
function compared(version: string, bound: string): number {
  const numbers = version.split('.').map(Number);
  const difference = bound.split('.').map((number, index) => (numbers[index] ?? 0) - Number(number));
  return difference.find((each) => each !== 0) ?? 0;
}

const troubled = new WeakSet<ServerHost>();

/** As `enter`, and notes when nobody answers. */
export async function enterServer(host: ServerHost, signal: AbortSignal): Promise<Entrance> {
  try {
    return await host.enter(signal);
  } catch (err) {
    troubled.add(host);
    throw err;
  }
}

/** Whether somebody found a server closed since that was asked last. */
export function takeTrouble(host: ServerHost): boolean {
  return troubled.delete(host);
}

export function machineOf({ machine }: ServerHost): DumpMachine {
  return required(machine, 'a machine for dumps');
}

/** Where the dump of a database of a server is, below the root of the machine. */
export function dumpOfServer(driver: string, { server }: Pick<ServerHost, 'server'>, name: string): string {
  return dumpPath(driver, server, name);
}

export function dumpFileOf(driver: string, host: ServerHost, name: string): string {
  return `${machineOf(host).root}/${dumpOfServer(driver, host, name)}`;
}

/** Of what is in a dump, beside it: what a database that is made of it has to hold. */
export function contentsFileOf(dumpFile: string): string {
  return `${dumpFile}.contents`;
}

/** Nothing where there is none. */
export async function removeDump(host: ServerHost, driver: string, name: string, signal: AbortSignal): Promise<void> {
  if (host.machine === undefined) return;
  const path = dumpFileOf(driver, host, name);
  await host.machine.removeFile(path, signal);
  await host.machine.removeFile(contentsFileOf(path), signal);
}
