/** What a program of an engine does with one database. */
export type DatabaseWork = 'dump' | 'restore' | 'shell';

/** A program of Debian's, and what stands in its environment alone: a password is never one of its words. */
export interface DatabaseProgram {
  readonly command: readonly string[];
  readonly variables: Readonly<Record<string, string>>;
}

/** How a program of this machine comes to a server: by its socket, or by one that leads there. */
export interface ServerWay {
  readonly socketDirectory: string;
  /** Where it is not the one of a server that a host keeps for itself. */
  readonly socketFile?: string;
}

/** A login, and the database that it works with, by their names on the server. */
export interface DatabaseLogin {
  readonly database: string;
  readonly username: string;
  readonly password: string;
}
