import type {
  DatabaseAccess,
  DatabaseSettings,
  LoginSettings,
  SessionLimits,
} from '#runtime/drivers/databases/model.ts';
import { actingGroupOf, groupsFor, groupsOf } from './groups.ts';

/** Goes up with every change of what is put on the server for the same settings, so that it is put again where it was put before. */
const version = 4;

/** What was put, once all of it stands. */
export interface DatabaseMark {
  readonly version: number;
  readonly settings: DatabaseSettings;
}

export interface LoginMark {
  readonly version: number;
  readonly settings: LoginSettings;
  /** Of the verifier that the server was given. */
  readonly digest: string;
  /** Roles whose members may come from its networks; absent: it comes by the socket alone. */
  readonly admittedBy?: readonly string[];
}

/** What the server has of a database, as `look.ts` reads it. */
export interface DatabaseFacts {
  /** Whether it belongs to the administrator. */
  readonly isHeld: boolean;
  readonly encoding: string;
  readonly collation: string;
  readonly characters: string;
  readonly isConnectable: boolean;
  readonly isTemplate: boolean;
  readonly connections: number;
  /** `CONNECT d_one:owner`; nobody's name stands for everybody, a star for the right to hand it on. */
  readonly grants: readonly string[];
  readonly parameters: readonly string[];
  /** Names with commas between them. */
  readonly extensions: string | null;
  /** Those of its groups that may nothing by themselves. */
  readonly groups: readonly string[];
}

/** What the server has of a login. */
export interface LoginFacts {
  /** Has none of the rights that reach beyond a database. */
  readonly isPlain: boolean;
  readonly canLogin: boolean;
  readonly connections: number;
  /** Roles that it is a member of, with a star where it may take in others. */
  readonly groups: readonly string[];
  readonly members: readonly string[];
  /** `d_one: role=d_one:owner`; without a database for all of them. */
  readonly parameters: readonly string[];
  readonly digest: string | null;
}

/** Of a parameter that is a number. */
const largestSetting = 2 ** 31 - 1;

/** What a session of a login is held to. What it writes aside it cannot lift; for its statements it may set another time, and is ended by `patrol.ts` then. */
export function loginParameters({
  statementTimeoutMs,
  temporaryBytes,
}: SessionLimits): Readonly<Record<string, string>> {
  return {
    idle_in_transaction_session_timeout: '10min',
    statement_timeout: `${statementTimeoutMs}ms`,
    temp_file_limit: `${Math.min(Math.ceil(temporaryBytes / 1024), largestSetting)}kB`,
  };
}

const mayEnter = { readonly: ['CONNECT'], insert: ['CONNECT'], update: ['CONNECT'], delete: ['CONNECT'] } as const;

/** Rights on the database itself. What is inside a full one is in `inside/database.sql`. */
const rights: Readonly<Record<DatabaseAccess, Readonly<Record<string, readonly string[]>>>> = {
  Open: { ...mayEnter, owner: ['CONNECT', 'CREATE', 'TEMPORARY'], readwrite: ['CONNECT', 'TEMPORARY'] },
  Full: { ...mayEnter, owner: ['CONNECT'], readwrite: ['CONNECT'] },
  Closed: {},
  Dumped: {},
};

/** Group → what it may with the database. */
export function rightsOf(database: string, access: DatabaseAccess): readonly (readonly [string, readonly string[]])[] {
  return Object.entries(rights[access]).map(([word, may]) => [`${database}:${word}`, may]);
}

export function markDatabase(settings: DatabaseSettings): DatabaseMark {
  return { version, settings };
}

export function markLogin(settings: LoginSettings, digest: string, admittedBy: readonly string[]): LoginMark {
  return { version, settings, digest, ...(admittedBy.length === 0 ? {} : { admittedBy }) };
}

/** What the server has where a mark tells the truth; `undefined`: it was made by another version of this program. */
export function markedDatabase(name: string, { version: madeBy, settings }: DatabaseMark): DatabaseFacts | undefined {
  if (madeBy !== version) return undefined;
  return {
    isHeld: true,
    encoding: settings.encoding,
    collation: settings.collation,
    characters: settings.collation,
    isConnectable: true,
    isTemplate: false,
    connections: -1,
    grants: rightsOf(name, settings.access)
      .flatMap(([group, may]) => may.map((right) => `${right} ${group}`))
      .toSorted(),
    parameters: [],
    extensions: settings.extensions.length === 0 ? null : settings.extensions.join(','),
    groups: groupsOf(name),
  };
}

/** As `markedDatabase`. */
export function markedLogin({ version: madeBy, settings, digest, admittedBy = [] }: LoginMark): LoginFacts | undefined {
  if (madeBy !== version) return undefined;
  const grants = Object.entries(settings.grants);
  return {
    isPlain: true,
    canLogin: !settings.isLocked,
    connections: settings.connections,
    groups: [...grants.flatMap(([database, grant]) => groupsFor(database, grant)), ...admittedBy].toSorted(),
    members: [],
    parameters: [
      ...Object.entries(loginParameters(settings.limits)).map(([parameter, value]) => `: ${parameter}=${value}`),
      ...grants.flatMap(([database, grant]) => {
        const group = actingGroupOf(database, grant);
        return group === undefined ? [] : [`${database}: role=${group}`];
      }),
    ].toSorted(),
    digest,
  };
}
