import type { ConditionStatement } from '#schemas/meta/conditions.ts';
import type { KubeObject } from '#schemas/meta/object.ts';
import { databaseKind, type Database } from '#schemas/v1alpha1/database.ts';
import { hostKind } from '#schemas/v1alpha1/host.ts';
import { tenantKind } from '#schemas/v1alpha1/tenant.ts';
import { noDatabases, type DatabaseState } from '#runtime/drivers/databases/model.ts';
import type { Cache } from '#runtime/manager/cache.ts';
import type { Desired, Outcome, Pending } from '#runtime/manager/controller.ts';
import { failureMessage } from './attempts.ts';
import { ENGINES, socketDirectoryOf, type Engine } from './database-names.ts';
import type { DatabaseServerDrivers } from './parts.ts';
import { hostsOf } from './whereabouts.ts';

/** Wants this of one server, and nothing of the others. */
export function onEngine<W>(engine: Engine, state: DatabaseState): Desired<DatabaseServerDrivers<W>> {
  return Object.fromEntries(ENGINES.map((each) => [each, each === engine ? state : noDatabases])) as Desired<
    DatabaseServerDrivers<W>
  >;
}

const BY_HOST = 'host';

/** Databases by the host that they are on. */
export const databasesByHost = {
  kind: databaseKind,
  index: { name: BY_HOST, valuesOf: (database: KubeObject) => hostsOf((database as Database).status) },
};

/** Those whose server is on a host. */
export function databasesOn({ metadata }: KubeObject, cache: Cache): readonly Database[] {
  return cache.byIndex(databaseKind, BY_HOST, metadata.name);
}

export interface ServerOnHost {
  readonly version: string;
  /** Where its sockets are. */
  readonly socketDirectory: string;
}

/** The server of a host, as far as its agent has told of it. */
export function serverOn(hostName: string, engine: Engine, cache: Cache): ServerOnHost | Pending {
  const { root, capabilities } = cache.get(hostKind, { name: hostName })?.status ?? {};
  if (root === undefined) {
    return { pending: { reason: 'HostNotReady', message: `Host ${hostName} has not told yet what it has.` } };
  }
  const found = capabilities?.databases?.find((each) => each.engine === engine);
  if (found === undefined) {
    const message = `Host ${hostName} has no ${engine}: install it there, and start the agent anew.`;
    return { pending: { reason: 'EngineMissing', message } };
  }
  return { version: found.version, socketDirectory: socketDirectoryOf(engine, root) };
}

/** Whether nothing of a tenant may be used, for whatever reason. */
export function isTenantSuspended(name: string, cache: Cache): boolean {
  return cache.get(tenantKind, { name })?.status?.effective?.suspended === true;
}

type Statement = Omit<ConditionStatement, 'observedGeneration'>;

/** What Ready says of something that is as declared. */
interface Usability {
  readonly isSuspended: boolean;
  /** Why writes are refused; absent: they are not. */
  readonly full?: string | undefined;
  readonly available: string;
}

/** Ready, of something on a database server. */
export function saidOfServer(
  { metadata }: KubeObject,
  outcome: Outcome,
  { isSuspended, full, available }: Usability,
): Statement {
  const notReady = (reason: string, message: string): Statement => ({
    type: 'Ready',
    status: 'False',
    reason,
    message,
  });
  const usable = (): Statement => {
    if (isSuspended) return notReady('Suspended', 'It is suspended: nobody is let in.');
    if (full !== undefined) return notReady('Full', full);
    return { type: 'Ready', status: 'True', reason: 'Available', message: available };
  };
  if (metadata.deletionTimestamp !== undefined) return notReady('Deleting', 'It is being deleted.');
  switch (outcome.phase) {
    case 'pending':
    case 'refused':
      return notReady(outcome.reason, outcome.message);
    case 'failed':
      return notReady(outcome.reason, failureMessage(outcome));
    case 'drifted':
      if (outcome.withheld.some(({ op }) => op.startsWith('create-')))
        return notReady('DriftFound', 'The server does not have it, and the drift policy leaves it so.');
      if (
        outcome.withheld.some(({ changes }) => changes.some(({ field }) => field === 'access' || field === 'isLocked'))
      )
        return notReady('DriftFound', 'Who is let in is not as declared, and the drift policy leaves it so.');
      return usable();
    case 'synced':
      return usable();
  }
}
