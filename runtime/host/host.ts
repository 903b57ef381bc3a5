import type { Duplex, Readable, Writable } from 'node:stream';

/**
 * The machine: the only way in which anything of ours touches files, processes and sockets of a host.
 * `local` is the real one, `memory` a model with the same contract; `test/contracts/host.ts` runs on both.
 *
 * Guarantees: paths are absolute and normalised, and every component below `root` is checked not to be a symlink (no path of a tenant is ever
 * followed by root, design §2.6); a file is replaced whole or not at all; every call is bounded in time and output.
 * "Not there" is `undefined`, never an error. Errors: HostError.
 */
export interface ReadOnlyHost {
  /** Where everything of this instance lies: `/srv/wcp360`. */
  readonly root: string;
  /** Where libnss-extrausers reads accounts from; `undefined` where the host is not set up for it (a private instance). */
  readonly accountsDirectory: string | undefined;
  /** `undefined` when there is no such file; HostError when it is larger than `maxBytes` (1 MiB unless given). */
  readText(path: string, signal: AbortSignal, maxBytes?: number): Promise<string | undefined>;
  /** Names and facts of a directory's entries in byte order; `undefined` when it is not there. */
  readDirectory(path: string, signal: AbortSignal): Promise<readonly DirectoryEntry[] | undefined>;
  facts(path: string, signal: AbortSignal): Promise<FileFacts | undefined>;
  /** What a regular file holds, however large, as it is read; `undefined` when it is not there. */
  openFile(path: string, signal: AbortSignal): Promise<AsyncIterable<Buffer> | undefined>;
  /** Facts of many paths in one bounded call; what is not there is not in the answer. */
  factsOf(paths: readonly string[], signal: AbortSignal): Promise<ReadonlyMap<string, FileFacts>>;
  /** Name → text of every regular file of a flat directory (hidden names left out), read in batches; `undefined` when it is not there. Larger files than 1 MiB are left out. */
  readTexts(directory: string, signal: AbortSignal): Promise<ReadonlyMap<string, string> | undefined>;
  /** Text that ships with this program, by the URL of the file beside its module (`new URL('./front/nginx.conf', import.meta.url)`). */
  readProgramText(url: URL, signal: AbortSignal): Promise<string>;
  /** Whether somebody accepts connections on a unix socket now. Never follows a link. */
  accepts(socketPath: string, signal: AbortSignal): Promise<boolean>;
  /** Addresses of a name by the system's resolver, at most 16; empty when it has none. */
  resolve(hostname: string, signal: AbortSignal): Promise<readonly string[]>;
  readonly services: ReadOnlyServices;
  /** What this machine has: detected once, refreshed on demand. */
  capabilities(signal: AbortSignal): Promise<HostCapabilities>;
}

export interface DirectoryEntry {
  readonly name: string;
  readonly type: FileType;
}

export type FileType = 'file' | 'directory' | 'symlink' | 'socket' | 'other';

export interface FileFacts {
  readonly type: FileType;
  /** Permission bits, e.g. 0o2750. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly sizeBytes: number;
  readonly modifiedMs: number;
}

/** Whose a file is, and who may do what with it. */
export interface Ownership {
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
}

/** Ownership of what is to be written; `durable` asks for a sync, of its name too, before the call returns. */
export interface FileOwnership extends Ownership {
  readonly durable?: boolean;
}

export interface Host extends ReadOnlyHost {
  /** Writes beside and renames. Durable only when asked: what can be derived again is not worth a sync. */
  replaceFile(path: string, content: string, ownership: FileOwnership, signal: AbortSignal): Promise<void>;
  /** Many at once, one sync at the end where `durable`; an atomic step each, not all together. */
  replaceFiles(
    files: readonly { readonly path: string; readonly content: string; readonly ownership: FileOwnership }[],
    signal: AbortSignal,
  ): Promise<void>;
  /** As `replaceFile`, durable, from what comes by and by: nothing is there before all of it is. Rejects with what `content` rejects with. */
  replaceFileWith(
    path: string,
    content: AsyncIterable<Buffer>,
    ownership: Ownership,
    signal: AbortSignal,
  ): Promise<void>;
  /** Makes one directory, or corrects its ownership; parents must be there. */
  makeDirectory(path: string, ownership: FileOwnership, signal: AbortSignal): Promise<void>;
  /** Removes a file or socket; nothing when absent. */
  removeFile(path: string, signal: AbortSignal): Promise<void>;
  /** Renames within the root; `from` absent and `to` present counts as done. Refuses to replace anything. */
  rename(from: string, to: string, signal: AbortSignal): Promise<void>;
  /** Renames a tree into the trash that only root may enter, then deletes it there without following links. */
  removeTree(path: string, signal: AbortSignal): Promise<void>;
  /** Runs a program to its end. argv only, no shell, a bounded time and output; a non-zero exit is a HostError unless `allowFailure`. */
  run(argv: readonly string[], options: RunOptions, signal: AbortSignal): Promise<RunResult>;
  /** Starts a program that is fed, and read from, while it runs; as `run` otherwise. HostError when it cannot be started. */
  startProgram(
    argv: readonly string[],
    options: Pick<RunOptions, 'uid' | 'gid' | 'environment'>,
    signal: AbortSignal,
  ): RunningProgram;
  /** One HTTP exchange over TCP or a unix socket of this machine. */
  httpRequest(request: LocalHttpRequest, signal: AbortSignal): Promise<LocalHttpAnswer>;
  /**
   * The certificate that a client is shown which asks an address of this machine for a name, and which offers `protocol` alone where given (ALPN);
   * nothing about it is verified. `undefined` when the handshake is refused; HostError when nobody answers there.
   */
  tlsHandshake(
    address: { readonly host: string; readonly port: number },
    serverName: string,
    signal: AbortSignal,
    protocol?: string,
  ): Promise<ShownCertificate | undefined>;
  /**
   * Calls back with paths below `directory` that anybody but this host object changes, until the signal aborts; returns once the watch stands.
   * `flat` watches the directory alone, with one kernel watch however many files it has.
   */
  watchFiles(
    directory: string,
    onChange: (path: string) => void,
    signal: AbortSignal,
    options?: { readonly flat?: boolean },
  ): Promise<void>;
  /** Answers lines (at most 4 KiB each) on a unix socket until the signal aborts; returns once it listens. A rejected answer closes the connection. */
  listenUnix(
    path: string,
    ownership: Ownership,
    onLine: (line: string) => Promise<string>,
    signal: AbortSignal,
  ): Promise<void>;
  /** A connection to a unix socket of this machine; HostError when nobody listens there. */
  connectUnix(path: string, signal: AbortSignal): Promise<Duplex>;
  /** Gives a socket that `uid` made in a directory of its own a second name, replacing what has it; HostError when it is no socket of that uid. */
  publishSocket(from: string, to: string, uid: number, signal: AbortSignal): Promise<void>;
  readonly services: Services;
}

export interface RunOptions {
  readonly timeoutMs: number;
  readonly input?: string;
  readonly uid?: number;
  readonly gid?: number;
  /** The whole environment; empty when absent. */
  readonly environment?: Readonly<Record<string, string>>;
  readonly allowFailure?: boolean;
  /** 1 MiB unless given. */
  readonly maxBytes?: number;
  /** `latin1`: stdout as it is, a character for each byte. UTF-8 unless given. */
  readonly encoding?: 'utf8' | 'latin1';
}

export interface RunResult {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Its output has to be read to the end, or its signal aborted. */
export interface RunningProgram {
  readonly stdin: Writable;
  readonly stdout: Readable;
  /** Resolves when it has ended well; HostError with its last words otherwise, and for one that was ended by its signal. */
  readonly ended: Promise<void>;
}

export interface LocalHttpRequest {
  readonly socketPath?: string;
  readonly address?: { readonly host: string; readonly port: number };
  readonly method: 'GET' | 'HEAD' | 'POST' | 'PUT' | 'DELETE' | 'PATCH';
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  readonly timeoutMs: number;
  /** Of the answer; 4 MiB unless given. */
  readonly maxBytes?: number;
}

export interface LocalHttpAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** How a certificate is known. */
export interface ShownCertificate {
  /** Upper-case hex without colons. */
  readonly serialNumber: string;
  /** SHA-256 of the DER, upper-case hex pairs with colons between them. */
  readonly fingerprint256: string;
  /** DER. */
  readonly raw: Buffer;
}

/** What a service is: declared once, then started and stopped by name. The same for systemd and for our own supervisor. */
export interface ServiceUnit {
  /** `nginx`, `php-<owner>`: letters, digits, dot, dash; at most 200. */
  readonly name: string;
  /** argv of the foreground process. */
  readonly command: readonly string[];
  /** The whole environment. */
  readonly environment?: Readonly<Record<string, string>>;
  readonly uid?: number;
  readonly gid?: number;
  readonly workingDirectory?: string;
  /**
   * Where stdout and stderr go: a file opened for append by root before rights are dropped, never through a link. That of a service which is always
   * restarted lies where only root may write.
   */
  readonly logPath?: string;
  /** Restarted after a while when it ends by itself; `never` for what is started on demand. */
  readonly restart: 'always' | 'never';
  /** SIGTERM unless given, to all processes of the service, see `keepsServices`; SIGKILL after `stopTimeoutMs` (10 s unless given). */
  readonly stopSignal?: NodeJS.Signals;
  readonly stopTimeoutMs?: number;
  /** It keeps services of its own: a stop reaches no process beyond its own group, so that those go on. */
  readonly keepsServices?: boolean;
  /** The slice its processes count in, e.g. `wcp360-20000`; without a meaning where there are none. */
  readonly slice?: string;
}

export interface ServiceState {
  readonly name: string;
  readonly running: boolean;
  readonly pid?: number;
  /** Hash of the declared unit that the running process was started from. */
  readonly unitHash?: string;
}

/** What all services of a slice may use together; what is absent is not limited. */
export interface Limits {
  /** In steps of 10, at least 10. */
  readonly cpuMillicores?: number;
  /** At least 1. */
  readonly memoryBytes?: number;
  /** Processes and threads, at least 1. */
  readonly processes?: number;
}

/** A slice that was limited here: `owner` is whatever it was marked with, letters, digits, dot, dash and slash. */
export interface Slice {
  readonly owner: string;
  readonly limits: Limits;
}

export interface ReadOnlySlices {
  /** All slices that were limited here, by name. */
  list(signal: AbortSignal): Promise<ReadonlyMap<string, Slice>>;
}

/** Limits hold at once, for what runs, too, and until the machine is started anew. */
export interface Slices extends ReadOnlySlices {
  put(name: string, slice: Slice, signal: AbortSignal): Promise<void>;
  /** Ends what still runs in it. Nothing when it was not put. */
  remove(name: string, signal: AbortSignal): Promise<void>;
}

export interface ReadOnlyServices {
  readonly manager: 'systemd' | 'supervisor';
  /** `undefined` where nobody enforces limits: a private instance. */
  readonly slices: ReadOnlySlices | undefined;
  /** All services that were declared here, in order of name. */
  list(signal: AbortSignal): Promise<readonly ServiceState[]>;
  /** `undefined` when it was not declared here. */
  get(name: string, signal: AbortSignal): Promise<ServiceState | undefined>;
  /** How many processes belong to a service now; 0 when it does not run. */
  processCount(name: string, signal: AbortSignal): Promise<number>;
}

/**
 * Services outlive the agent: a new agent finds them running and takes them over.
 * Errors: HostError when a service does not start; its last log lines are in the message.
 */
export interface Services extends ReadOnlyServices {
  readonly slices: Slices | undefined;
  /** Starts it, or restarts it when the unit differs from the running one. Idempotent. */
  start(unit: ServiceUnit, signal: AbortSignal): Promise<void>;
  /** Returns when no process is left; forgets the service. Nothing when it was not declared. */
  stop(name: string, signal: AbortSignal): Promise<void>;
  signal(name: string, signal: NodeJS.Signals): Promise<void>;
}

/** A daemon of Debian's, and as whom it runs. */
export interface DaemonCapability {
  readonly version: string;
  readonly uid: number;
  readonly gid: number;
}

export interface PowerdnsCapability extends DaemonCapability {
  readonly backends: readonly ('sqlite' | 'lmdb')[];
}

/** What is installed of PostgreSQL: several versions may be, of each the server or its clients alone. */
export interface PostgresqlCapability {
  /** As whom a server runs; absent where there are clients alone. */
  readonly account?: { readonly uid: number; readonly gid: number };
  /** The oldest first. */
  readonly versions: readonly PostgresqlVersion[];
}

export interface PostgresqlVersion {
  /** 15 of 15.8. */
  readonly major: number;
  /** Where its programs are: `/usr/lib/postgresql/15/bin`. */
  readonly programs: string;
  /** `15.8`; absent where only its clients are there. */
  readonly server?: string;
}

export interface HostCapabilities {
  /** `['8.2']`: versions whose php-fpm is installed. */
  readonly phpVersions: readonly string[];
  readonly nginxVersion: string | undefined;
  /** Whether that nginx was built to speak HTTP/3. */
  readonly http3: boolean;
  /** PowerDNS, its backends that we know, and as whom it runs; `undefined` when it is not installed. */
  readonly powerdns: PowerdnsCapability | undefined;
  /** MariaDB; `undefined` when it is not installed. */
  readonly mariadb: DaemonCapability | undefined;
  /** `undefined` when nothing of PostgreSQL is installed. */
  readonly postgresql: PostgresqlCapability | undefined;
  /** Whether Debian's Adminer is installed. */
  readonly adminer: boolean;
  /** Uids and account names that the host has on its own (getent passwd). */
  readonly takenUids: ReadonlySet<number>;
  /** How large the machine is; `storageBytes` is the file system that the root is on. */
  readonly size: { readonly processors: number; readonly memoryBytes: number; readonly storageBytes: number };
  /** uid and gid under which the web front's workers run. */
  readonly front: { readonly user: string; readonly uid: number; readonly gid: number };
}
