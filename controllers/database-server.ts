import type { ConditionStatement } from '#schemas/meta/conditions.ts';
import type { KubeObject } from '#schemas/meta/object.ts';
import { databaseKind, type Database } from '#schemas/v1alpha1/database.ts';
import { databaseServerKind, type DatabaseServer } from '#schemas/v1alpha1/database-server.ts';
import { hostKind, publicAddressesOf, type Host } from '#schemas/v1alpha1/host.ts';
import { tenantKind } from '#schemas/v1alpha1/tenant.ts';
import { noDatabases, type DatabaseState, type ServersState } from '#runtime/drivers/databases/model.ts';
import type { Cache } from '#runtime/manager/cache.ts';
import { isPending, type Desired, type Outcome, type Pending } from '#runtime/manager/controller.ts';
import { failureMessage } from './attempts.ts';
import { debianServerOf, ENGINES, socketDirectoryOf, type Engine } from './database-names.ts';
import { ownNetworkOf } from './database-server/own-servers.ts';
import type { DatabaseServerDrivers } from './parts.ts';
import { serverLost, type Elsewhere } from './server-use.ts';
import { defined, hostsOf } from './whereabouts.ts';

/** One server: the one that a host keeps for itself, or another one. */
export interface ServerPlace extends Elsewhere {
  readonly engine: Engine;
}

const stranger: ServersState = { ...noDatabases, isStranger: true };

/** Wants this of one server, and nothing of the others; of one that is lost nothing either. */
export function onServer<W>(
  { engine, elsewhere, isLost }: ServerPlace,
  state: DatabaseState,
): Desired<DatabaseServerDrivers<W>> {
  const there: ServersState =
    elsewhere === undefined ? state : { ...noDatabases, elsewhere: new Map([[elsewhere, state]]) };
  const isThere = (each: Engine): boolean => each === engine && isLost !== true;
  return Object.fromEntries(ENGINES.map((each) => [each, isThere(each) ? there : stranger])) as Desired<
    DatabaseServerDrivers<W>
  >;
}

/** Of an engine: the host's own, or the one elsewhere. */
export function serverPlaceOf(engine: Engine, { elsewhere, isLost }: Elsewhere = {}): ServerPlace {
  return { engine, ...defined<Elsewhere>({ elsewhere, isLost }) };
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

/** A server as those of one host see it. */
export interface ServerOnHost extends ServerPlace {
  /** Absent while nobody has looked. */
  readonly version?: string;
  readonly address: ServerAddress;
  /** Sessions that one login may have there. */
  readonly mostConnections?: number;
  /** Where a server that a host keeps for itself is reached beside its socket. */
  readonly network?: RemoteAddress;
}

/** As somebody elsewhere is told. */
export interface RemoteAddress {
  readonly addresses: readonly string[];
  readonly port: number;
  readonly caBundle?: string;
}

/** How those who use it come to a server: by a socket, or over the network. */
export type ServerAddress =
  | { readonly socketDirectory: string; readonly socketFile?: string }
  | { readonly host: string; readonly port: string; readonly authorities?: string };

/** The server of this name, or the one that a host keeps for itself, as far as it is known. */
export function serverOn(
  hostName: string,
  { engine, server: name }: { readonly engine: Engine; readonly server: string | undefined },
  cache: Cache,
): ServerOnHost | Pending {
  if (name === undefined) return ownServerOn(hostName, engine, cache);
  const declared = cache.get(databaseServerKind, { name });
  if (declared === undefined)
    return { pending: { reason: 'ServerNotFound', message: `There is no DatabaseServer ${name} any more.` } };
  const { managed, limits, lost } = declared.spec;
  if (lost) return serverLost(name, 'a Database that is deleted and declared again begins anew, empty, on another one');
  if (managed !== undefined) return ownServerOn(hostName, engine, cache);
  const found = declaredOn(hostName, declared);
  return isPending(found) ? found : { ...found, ...defined({ mostConnections: limits.connections }) };
}

/** Once the host may use it. */
function declaredOn(hostName: string, { metadata: { name }, spec, status }: DatabaseServer): ServerOnHost | Pending {
  if (status?.hosts?.includes(hostName) !== true) {
    const message = `Host ${hostName} may not use DatabaseServer ${name} yet.`;
    return { pending: { reason: 'ServerNotReady', message } };
  }
  const { engine, external } = spec;
  const common = { elsewhere: name, engine };
  // Each host's own is of a version of its own.
  if (external === undefined) return { ...common, address: debianServerOf(engine) };
  return { ...common, ...defined({ version: status.version }), address: addressOf(external) };
}

/** `db.internal:5432`, or an address of IPv6 in brackets. */
export function placeOf(address: string): { readonly host: string; readonly port: string } {
  const [, host = '', port = ''] = /^(.*):(\d+)$/.exec(address) ?? [];
  return { host: host.replace(/^\[(.*)\]$/, '$1'), port };
}

function addressOf({ address, tls }: NonNullable<DatabaseServer['spec']['external']>): ServerAddress {
  const authorities = tls.caBundle === undefined ? {} : { authorities: tls.caBundle };
  return { ...placeOf(address), ...authorities };
}

/** Where sockets are of Debian's own servers that Databases may be on, beside those of servers that a host keeps for itself. */
export function neighbourSocketsIn(cache: Cache): readonly string[] {
  const declared = cache.list(databaseServerKind).filter(({ spec }) => spec.host !== undefined);
  return ENGINES.filter((engine) => declared.some(({ spec }) => spec.engine === engine)).map(
    (engine) => debianServerOf(engine).socketDirectory,
  );
}

function ownServerOn(hostName: string, engine: Engine, cache: Cache): ServerOnHost | Pending {
  const host = cache.get(hostKind, { name: hostName });
  const { root, capabilities } = host?.status ?? {};
  if (root === undefined) {
    return { pending: { reason: 'HostNotReady', message: `Host ${hostName} has not told yet what it has.` } };
  }
  const found = capabilities?.databases?.find((each) => each.engine === engine);
  if (found === undefined) {
    const message = `Host ${hostName} has no ${engine}: install it there, and start the agent anew.`;
    return { pending: { reason: 'EngineMissing', message } };
  }
  if (found.lacks !== undefined) {
    const message = `Host ${hostName} lacks package ${found.lacks}, without which nothing reads what its ${engine} has: install it there, and start the agent anew.`;
    return { pending: { reason: 'EngineMissing', message } };
  }
  const network = host && remoteAddressOf(host, engine, cache);
  const address = { socketDirectory: socketDirectoryOf(engine, root) };
  return { engine, version: found.version, address, ...defined({ network }) };
}

const ports: Readonly<Record<Engine, number>> = { PostgreSQL: 5432, MariaDB: 3306 };

function remoteAddressOf(host: Host, engine: Engine, cache: Cache): RemoteAddress | undefined {
  const network = ownNetworkOf(host.metadata.name, engine, cache);
  if (network === undefined) return undefined;
  const { settings, caBundle } = network;
  const known = publicAddressesOf(host);
  const told = known.length > 0 ? known : host.spec.addresses.map(({ address }) => address);
  const addresses = settings.addresses.length > 0 ? settings.addresses : told;
  return { addresses, port: ports[engine], ...defined({ caBundle }) };
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
