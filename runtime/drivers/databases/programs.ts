/** What a program of an engine does with one database. */
export type DatabaseWork = 'dump' | 'restore' | 'shell';

/** A program of Debian's, and what stands in its environment alone: a password is never one of its words. */
export interface DatabaseProgram {
  readonly command: readonly string[];
  readonly variables: Readonly<Record<string, string>>;
}

/** How a program comes to its server: by a socket, or over the network, with TLS. */
export type ServerWay = LocalWay | RemoteWay;

export interface LocalWay {
  readonly socketDirectory: string;
  /** Where it is not the one of a server that a host keeps for itself. */
  readonly socketFile?: string;
}

export interface RemoteWay {
  readonly host: string;
  readonly port: string;
  /** By what it has to prove that it is the one that is meant. Absent: it is believed. */
  readonly proof?: {
    /** Path of a file with certificates in PEM; those that this system trusts when absent. */
    readonly authorities?: string;
  };
}

/** A login, and the database that it works with, by their names on the server. */
export interface DatabaseLogin {
  readonly database: string;
  readonly username: string;
  readonly password: string;
}
