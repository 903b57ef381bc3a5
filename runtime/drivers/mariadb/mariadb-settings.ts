import type { ServerNetwork } from '#runtime/drivers/databases/model.ts';

/** Facts of the host that the server's constant configuration is rendered with. Nothing of a tenant is among them. */
export interface MariadbSettings {
  readonly root: string;
  /** As whom it runs. */
  readonly uid: number;
  readonly gid: number;
  /** How much of the machine's memory it keeps pages of tables in; at least 5 MiB. */
  readonly bufferBytes: number;
  /** How much of the disk temporary tables of all tenants together take at most; at least 12 MiB. */
  readonly temporaryBytes: number;
  /** Sessions at once, of all tenants together. */
  readonly connections: number;
  /** Absent: it is reached by its socket alone. Its identity has to be at `identityPaths`. */
  readonly network?: ServerNetwork;
  /** Lines of its option file that are added to ours or stand in place of them: what a test wants otherwise. */
  readonly options?: Readonly<Record<string, string>>;
}

export interface MariadbPaths {
  readonly directory: string;
  readonly configuration: string;
  readonly data: string;
  readonly temporary: string;
  readonly run: string;
  readonly socket: string;
  readonly log: string;
}

/** Everything of the server lies below `<root>/databases/mariadb`. */
export function mariadbPaths(root: string): MariadbPaths {
  const directory = `${root}/databases/mariadb`;
  return {
    directory,
    configuration: `${directory}/mariadb.cnf`,
    data: `${directory}/data`,
    temporary: `${directory}/tmp`,
    run: `${directory}/run`,
    socket: `${directory}/run/mariadb.sock`,
    log: `${directory}/mariadb.log`,
  };
}

/** Its certificate with the chain, and its key. */
export function identityPaths(root: string): { readonly certificate: string; readonly key: string } {
  const directory = `${mariadbPaths(root).directory}/identity`;
  return { certificate: `${directory}/server.crt`, key: `${directory}/server.key` };
}
