import type { Readable, Writable } from 'node:stream';

/** As whom, and where, a program of a tenant runs. */
export interface SandboxSeat {
  readonly tenant: string;
  readonly uid: number;
  /** The tenant's tree: all that it sees of `tenants/`. Absent: nothing, and `/tmp` is memory. */
  readonly tree?: string;
  /** Whether it has no network: sockets alone lead out of it. */
  readonly isOffline?: boolean;
  readonly workingDirectory: string;
  /** Whether it may only look at the tree; `/tmp` stays its own. */
  readonly isReadOnly: boolean;
  /** Directories with sockets of servers that it may connect to. */
  readonly sockets?: readonly string[];
  /**
   * Instead of the tenant's own group. For programs of ours that copy files, as members of the web front's group: files keep it then, with setgid, and what
   * has it is read whatever its mode.
   */
  readonly copyingGid?: number;
  /** The slice it counts in, e.g. `wcp360-20000`; without a meaning where there are none. */
  readonly slice: string;
}

/** One that sees the tenant's files. */
export interface TenantSeat extends SandboxSeat {
  readonly tree: string;
}

/** Columns and rows of a terminal. */
export interface TerminalSize {
  readonly columns: number;
  readonly rows: number;
}

/** How a program of a tenant runs. */
export interface TenantRun {
  /** On a terminal of this size. */
  readonly terminal?: TerminalSize | undefined;
  /** What stands in its environment beside what every one has, and instead of it. */
  readonly variables?: Readonly<Record<string, string>>;
}

export interface TenantProcess {
  readonly stdin: Writable;
  readonly stdout: Readable;
  /** Silent on a terminal, where everything is stdout. */
  readonly stderr: Readable;
  /** Its exit code, 128 and more for a signal; when its output has ended, too. Never rejects. */
  readonly ended: Promise<number>;
  /** Nothing without a terminal. */
  resize(size: TerminalSize): void;
  /** Ends it with everything that it started. */
  kill(): void;
}

/**
 * Programs that people run as a tenant, each in a sandbox of its own as the tenant's PHP has one, in the tenant's slice.
 *
 * Guarantees: root opens no file of the tenant; nothing of a program is left when it was killed, ended by itself, or the agent is gone.
 * Errors: HostError when it cannot be started.
 */
export interface TenantProcesses {
  start(seat: SandboxSeat, argv: readonly string[], how?: TenantRun): TenantProcess;
}
