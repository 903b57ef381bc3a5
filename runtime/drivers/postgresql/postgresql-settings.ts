import type { ServerNetwork } from '#runtime/drivers/databases/model.ts';

/** Facts of the host that the server's constant configuration is rendered with. Nothing of a tenant is among them. */
export interface PostgresqlSettings {
  readonly root: string;
  /** Where this version's programs are: `/usr/lib/postgresql/15/bin`. */
  readonly programs: string;
  /** As whom it runs. */
  readonly uid: number;
  readonly gid: number;
  /** Of the machine: how much of it the server may take follows from that. */
  readonly memoryBytes: number;
  /** Sessions at once, of all tenants together; as many as go with the memory when absent. */
  readonly connections?: number;
  /** Absent: it is reached by its socket alone. Its identity has to be at `identityPaths`. */
  readonly network?: ServerNetwork;
  /** Parameters of the server in place of ours: tests want no fsync and a log of statements. */
  readonly parameters?: Readonly<Record<string, string>>;
}
