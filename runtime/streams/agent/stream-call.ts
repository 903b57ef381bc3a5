import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Transform } from 'node:stream';
import type { DatabaseLogin, DatabaseProgram, DatabaseWork, ServerWay } from '#runtime/drivers/databases/programs.ts';
import type { TenantProcesses, TenantSeat } from '#runtime/host/tenant-processes.ts';
import type { UpgradeSocket } from '#runtime/relay/relay.ts';
import type { Logger } from '#runtime/telemetry/logger.ts';
import type { ReplicaWords } from './replicas.ts';
import type { Writers } from './writers.ts';

/** A Domain of this host, as streams need it. */
export interface StreamSeat extends TenantSeat {
  /** Logs by their type; what is not there yet is not an error. */
  readonly logs: Readonly<Record<'access' | 'error', string>>;
  /** Why nothing of the tenant may run; undefined when it may. */
  readonly refusal?: string | undefined;
  /** What the site declares for its programs, if anything. RefusedError when it cannot be had. */
  readonly variables?: () => Promise<Readonly<Record<string, string>>>;
}

/** A Database of this host, as streams need it. */
export interface DatabaseSeat extends TenantSeat {
  /** Why nobody is let in; undefined when somebody is. */
  readonly refusal?: string | undefined;
  /** What a dump goes through on its way in. */
  readonly intake: () => Transform;
  /** A program that works with it as a login of the tenant. RefusedError when the login cannot be had. */
  readonly program: (work: DatabaseWork) => Promise<DatabaseProgram>;
  /** It runs no more. */
  readonly leave: () => void;
  readonly engine: 'PostgreSQL' | 'MariaDB';
  /** Where its programs connect to come to the server; made if need be. RefusedError when nobody knows which server that is. */
  readonly way: () => Promise<ServerWay>;
  /** Absent where there is no DatabaseUser. */
  readonly as?: SeatLogin;
}

/** As whom somebody works with a Database. */
export interface SeatLogin {
  /** The DatabaseUser. */
  readonly user: string;
  /** Of Database and DatabaseUser: others under their names are others. */
  readonly identity: string;
  /** Changes with the password. */
  readonly passwordId: string;
  /** RefusedError when it cannot be had. */
  readonly read: () => Promise<DatabaseLogin>;
}

/** An address by which a browser gets in once, until a time. */
export interface WayIn {
  readonly url: string;
  /** RFC 3339. */
  readonly expiresAt: string;
}

export interface StreamServerOptions {
  /** Looks a Domain up in what is bound to this host, whatever the gateway thinks; undefined when it is not. */
  readonly seatOf: (namespace: string, name: string) => StreamSeat | undefined;
  /** The same for a Database, as which DatabaseUser: the first one that owns it unless named. */
  readonly databaseSeatOf: (namespace: string, name: string, user: string | undefined) => DatabaseSeat | undefined;
  /** A way for a browser to work with it. ApiError 404 where there is none. */
  readonly inviteTo: (
    database: { readonly namespace: string; readonly name: string },
    seat: DatabaseSeat,
  ) => Promise<WayIn>;
  readonly processes: TenantProcesses;
  /** The web front's group, which a tenant's files have. */
  readonly frontGid: number;
  readonly replicas: ReplicaWords;
  /** Programs that may change files, so that somebody can end them. */
  readonly writers: Writers;
  /** Streams of one tenant at once. */
  readonly tenantStreams: number;
  /** A stream on which nothing moves for so long is ended. */
  readonly idleMs: number;
  readonly log: Logger;
}

/** One request for a Domain or Database. */
export interface StreamRequest {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly upgrade?: UpgradeSocket;
}

/** What serves one stream. */
export interface StreamCall<Seat extends TenantSeat = TenantSeat> extends StreamServerOptions {
  readonly seat: Seat;
  readonly query: URLSearchParams;
}
