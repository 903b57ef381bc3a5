import type { DatabaseLogin, ServerWay } from '#runtime/drivers/databases/programs.ts';

/** As whom, and with what, somebody works in a browser: one login of one tenant, and one database. */
export interface ClientSeat {
  readonly tenant: string;
  readonly uid: number;
  /** The slice its processes count in, e.g. `wcp360-20000`. */
  readonly slice: string;
  readonly engine: 'PostgreSQL' | 'MariaDB';
  /** To the database server, and all that the client can reach. */
  readonly socket: ServerWay;
  readonly login: DatabaseLogin;
}
