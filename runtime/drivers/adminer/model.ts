import type { DatabaseLogin, LocalWay } from '#runtime/drivers/databases/programs.ts';

/** As whom, and with what, somebody works in a browser: one login of one tenant, and one database. */
export interface ClientSeat {
  readonly tenant: string;
  readonly uid: number;
  /** The slice its processes count in, e.g. `wcp360-20000`. */
  readonly slice: string;
  readonly engine: 'PostgreSQL' | 'MariaDB';
  /** Of the database server: its sockets, and all that the client can reach. */
  readonly socket: LocalWay;
  readonly login: DatabaseLogin;
}
