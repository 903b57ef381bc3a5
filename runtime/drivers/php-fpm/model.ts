import type { Action } from '#runtime/plan/plan.ts';

/** The PHP pools of an owner, by pool name (`<tenant>.<domain>`). */
export type PhpPools = ReadonlyMap<string, PhpPool>;

/** One php-fpm master: started on first use, stopped when idle. */
export interface PhpPool {
  readonly owner: string;
  readonly tenant: string;
  readonly uid: number;
  /** `8.2` */
  readonly version: string;
  /** The tenant's tree: all that the sandbox shows of `tenants/`. */
  readonly tree: string;
  /** Whether PHP may only read that tree, because the tenant is being moved; `/tmp` stays its own. A change replaces the master. */
  readonly isReadOnly: boolean;
  /** The socket the front connects to; in a directory owned by the tenant with the front's group. */
  readonly socket: string;
  readonly children: number;
  /** Default memory limit of a request. */
  readonly memoryBytes: number;
  readonly timeoutSeconds: number;
  readonly uploadBytes: number;
  /**
   * The php.ini values that records of this pool carry (`phpValues`). The master does not read them: a child of php-fpm keeps a value that it was told once,
   * so a change of them must replace the master.
   */
  readonly settings?: Readonly<Record<string, string>>;
  /** Plain variables for the site. */
  readonly environment: Readonly<Record<string, string>>;
  /** Secrets whose keys become variables: resolved in apply, never part of a plan; the resourceVersion makes a rotation visible. */
  readonly environmentFrom: readonly {
    readonly namespace: string;
    readonly name: string;
    readonly resourceVersion: string;
    /** Stands before each key. */
    readonly prefix?: string;
  }[];
  /** Directories with sockets of servers that its programs may connect to; those that are not there are left out. */
  readonly sockets: readonly string[];
  readonly errorLog: string;
  readonly slice: string;
}

export type PhpFpmAction =
  | Action<'php-fpm', 'put-pool', { readonly name: string; readonly pool: PhpPool }>
  | Action<'php-fpm', 'delete-pool', { readonly name: string }>;
