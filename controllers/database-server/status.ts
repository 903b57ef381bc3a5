import type { ConditionStatement } from '#schemas/meta/conditions.ts';
import type { DatabaseServer, databaseServerKind } from '#schemas/v1alpha1/database-server.ts';
import type { Outcome, StatusPatch } from '#runtime/manager/controller.ts';
import { endOfLifeOf, supportedOf } from '#controllers/server-end-of-life.ts';
import { defined } from '#controllers/whereabouts.ts';
import type { ServerLook } from './looks-driver.ts';

/** What the leader knows of a DatabaseServer; plain data. */
export interface DatabaseServerInputs {
  /** How many Databases are on it, how many DatabaseUsers were put there, and how many Databases are kept there. */
  readonly databases: number;
  readonly users: number;
  readonly kept: number;
  /** Where they are looked after, in order of name. */
  readonly hosts: readonly string[];
  /** The least that a Database there says. */
  readonly usedVersion?: string;
  /** Of the Secret with what it is known by over the network; absent where there is none. */
  readonly certificateVersion?: string;
  /** Of a server elsewhere. */
  readonly look?: ServerLook;
}

interface StatusSource {
  readonly inputs: DatabaseServerInputs | undefined;
  readonly observed: { readonly looks: ServerLook } | undefined;
  readonly outcome: Outcome;
  readonly now: string;
}

type Statement = Omit<ConditionStatement, 'observedGeneration'>;

/** Ready and ServerSupported, its version, and what is on it. */
export function serverStatus(server: DatabaseServer, source: StatusSource): StatusPatch<typeof databaseServerKind> {
  const { now } = source;
  const version = versionOf(server, source);
  const endOfLife = version === undefined ? undefined : endOfLifeOf(server.spec.engine, version);
  return {
    fields: {
      ...defined({ version, endOfLife, certificateVersion: certificateOf(server, source) }),
      ...usersOf(server, source),
    },
    conditions: [readyOf(server, source), ...supportedOf({ serverVersion: version, serverEndOfLife: endOfLife }, now)],
  };
}

/** As it was found, or as Databases on it say; as it was before while nobody has looked. */
function versionOf({ status }: DatabaseServer, { inputs, observed }: StatusSource): string | undefined {
  return observed?.looks?.version ?? inputs?.usedVersion ?? status?.version;
}

/** The agents may read it by then. */
function certificateOf({ spec, status = {} }: DatabaseServer, { inputs, outcome }: StatusSource): string | undefined {
  if (spec.managed?.network === undefined) return undefined;
  return areGranted(outcome) ? inputs?.certificateVersion : status.certificateVersion;
}

function usersOf(
  { spec, status = {} }: DatabaseServer,
  { inputs, outcome }: StatusSource,
): StatusPatch<typeof databaseServerKind>['fields'] {
  // Agents say where things are: nobody is admitted who was not before.
  const hosts = areGranted(outcome) && !spec.lost ? inputs?.hosts : status.hosts;
  return {
    databases: inputs?.databases ?? status.databases ?? 0,
    ...(hosts === undefined ? {} : { hosts: [...hosts] }),
  };
}

/** Rights come before the look: whatever that says of the server, they stand. */
function areGranted(outcome: Outcome): boolean {
  return outcome.phase === 'synced' || (outcome.phase === 'failed' && outcome.reason !== 'ApplyFailed');
}

function readyOf({ spec }: DatabaseServer, { inputs, outcome }: StatusSource): Statement {
  if (spec.lost && outcome.phase === 'synced')
    return { type: 'Ready', status: 'False', reason: 'Lost', message: lostOf(inputs) };
  const { network } = spec.managed ?? {};
  if (outcome.phase === 'synced' && network !== undefined && inputs?.certificateVersion === undefined) {
    const message = `Its hosts reach it by their sockets alone: there is no Secret ${network.tls.secretRef.name} with its certificate.`;
    return { type: 'Ready', status: 'False', reason: 'SecretNotFound', message };
  }
  if (outcome.phase === 'synced')
    return { type: 'Ready', status: 'True', reason: 'Available', message: availableOf(spec) };
  const said = 'message' in outcome ? outcome : { reason: 'ApplyFailed', message: 'It is being looked at.' };
  return { type: 'Ready', status: 'False', reason: said.reason, message: said.message };
}

function lostOf(inputs: StatusSource['inputs']): string {
  const { databases = 0, users = 0, kept = 0 } = inputs ?? {};
  const said = 'The server was declared lost: nobody speaks to it any more.';
  if (databases + users + kept === 0) return `${said} Nothing was on it.`;
  const what = `${String(databases)} Databases, ${String(users)} DatabaseUsers and ${String(kept)} RetainedData`;
  return `${said} With it went what ${what} had there: delete these objects, and declare anew what is to be on another one.`;
}

function availableOf({ managed, host }: DatabaseServer['spec']): string {
  if (managed !== undefined) return 'Each host makes its own when it is needed.';
  return host !== undefined ? 'Each host’s own server is used where it is needed.' : 'It answers, and does.';
}
