import type { ConditionStatement } from '#schemas/meta/conditions.ts';
import type { KubeObject } from '#schemas/meta/object.ts';
import { hostKind } from '#schemas/v1alpha1/host.ts';
import { tenantKind } from '#schemas/v1alpha1/tenant.ts';
import { noDatabases, type DatabaseState } from '#runtime/drivers/databases/model.ts';
import type { Cache } from '#runtime/manager/cache.ts';
import type { Desired, Outcome, Pending } from '#runtime/manager/controller.ts';
import { ENGINES, socketDirectoryOf, type Engine } from './database-names.ts';
import type { DatabaseServerDrivers } from './parts.ts';

/** Wants this of one server, and nothing of the others. */
export function onEngine<W>(engine: Engine, state: DatabaseState): Desired<DatabaseServerDrivers<W>> {
  return Object.fromEntries(ENGINES.map((each) => [each, each === engine ? state : noDatabases])) as Desired<
    DatabaseServerDrivers<W>
  >;
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

/** Ready, of something on a database server. */
export function saidOfServer(
  { metadata }: KubeObject,
  outcome: Outcome,
  { isSuspended, available }: { readonly isSuspended: boolean; readonly available: string },
): Statement {
  const notReady = (reason: string, message: string): Statement => ({
    type: 'Ready',
    status: 'False',
    reason,
    message,
  });
  if (metadata.deletionTimestamp !== undefined) return notReady('Deleting', 'It is being deleted.');
  switch (outcome.phase) {
    case 'pending':
    case 'refused':
      return notReady(outcome.reason, outcome.message);
    case 'failed': {
      const attempt = `This was attempt ${String(outcome.attempts)}; the next one is at ${outcome.nextTryAt}.`;
      return notReady(outcome.reason, `${outcome.message}. ${attempt}`);
    }
    case 'drifted':
    case 'synced':
      return isSuspended
        ? notReady('Suspended', 'It is suspended: nobody is let in.')
        : { type: 'Ready', status: 'True', reason: 'Available', message: available };
  }
}
