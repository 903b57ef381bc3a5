import { roleBindingKind, roleKind, secretKind } from '#schemas/meta/builtin.ts';
import { ANNOTATIONS, FINALIZERS, LABELS, MANAGED_BY, SYSTEM_NAMESPACE } from '#schemas/meta/names.ts';
import type { KubeObject } from '#schemas/meta/object.ts';
import { databaseKind, type Database } from '#schemas/v1alpha1/database.ts';
import { databaseServerKind, type DatabaseServer } from '#schemas/v1alpha1/database-server.ts';
import { databaseUserKind, type DatabaseUser } from '#schemas/v1alpha1/database-user.ts';
import { retainedDataKind, type RetainedData } from '#schemas/v1alpha1/retained-data.ts';
import { hostKind } from '#schemas/v1alpha1/host.ts';
import { tenantKind } from '#schemas/v1alpha1/tenant.ts';
import type { ObjectKey } from '#runtime/client/client.ts';
import type { Cache } from '#runtime/manager/cache.ts';
import { defineController, type Desired, type Pending, type Watch } from '#runtime/manager/controller.ts';
import { childrenOf, type Children } from '#runtime/manager/objects/children.ts';
import { createObjectsDriver } from '#runtime/manager/objects/objects-driver.ts';
import type { ClusterParts, ClusterWorld, DriverOf } from '#controllers/parts.ts';
import {
  onServerElsewhere,
  isElsewhereStill,
  isHostGone,
  isStranded,
  keptOnServerElsewhere,
  nextHostOf,
} from '#controllers/handover.ts';
import { keptDatabasesByTenant, keptOfTenant } from '#controllers/kept-databases.ts';
import { secretRights } from '#controllers/secret-rights.ts';
import {
  databaseGroupOf,
  databasesByServer,
  databasesCounted,
  databasesOfServer,
  keptByServer,
  keptCounted,
  keptOnServer,
  serversByDefault,
  userGroupOf,
  usersByServer,
  usersCounted,
} from '#controllers/server-indexes.ts';
import { isAdmitted, isRightlyOn } from '#controllers/server-use.ts';
import { defined } from '#controllers/whereabouts.ts';
import type { ServerLook } from './looks-driver.ts';
import { serverStatus, type DatabaseServerInputs } from './status.ts';

export type DatabaseServerDrivers<W> = {
  /** Role and RoleBinding for its administrator. */
  readonly objects: DriverOf<Children, W>;
  /** Whether a server elsewhere can be used. */
  readonly looks: DriverOf<ServerLook, W>;
};

/** A server that is looked at is looked at again so often. */
const lookMs = 300_000;

/** A DatabaseServer in the API: who may use it, whether it can be used, and what is on it. It goes when nothing is on it any more. */
export function createDatabaseServerClusterController<W extends ClusterWorld>({ databaseLooks, now }: ClusterParts<W>) {
  return defineController<typeof databaseServerKind, W, DatabaseServerDrivers<W>, DatabaseServerInputs>({
    name: 'database-server.cluster',
    kind: databaseServerKind,
    finalizer: FINALIZERS.cluster,
    finalizerSetBy: 'loop',
    drivers: {
      objects: createObjectsDriver({
        name: 'database-server-rights',
        fieldManager: 'wcp360-database-server-rights',
        kinds: [roleKind, roleBindingKind],
      }),
      looks: databaseLooks,
    },
    indexes: [databasesByServer, keptByServer, keptDatabasesByTenant, serversByDefault, serversBySecret, usersByServer],
    watches: [
      {
        kind: databaseKind,
        keysOf: (database, cache) => serversOf(database as Database, cache),
        isNews: isOther(databaseGroupOf),
      },
      {
        kind: databaseUserKind,
        keysOf: (user) => namesOf((user as DatabaseUser).status?.server),
        isNews: isOther((user) => `${(user as DatabaseUser).status?.server ?? ''} ${userGroupOf(user)}`),
      },
      { kind: retainedDataKind, keysOf: (kept) => namesOf((kept as RetainedData).spec.database?.server) },
      { kind: secretKind, keysOf: namedBy },
      { kind: hostKind, keysOf: ({ metadata }, cache) => usedBy(metadata.name, cache) },
      { kind: tenantKind, keysOf: ({ metadata }, cache) => leftBy(metadata.name, cache) },
      { kind: databaseServerKind, keysOf: (gone, cache) => heirsTo(gone as DatabaseServer, cache), isNews: isDeletion },
    ],
    gather: (server, cache) => gatherServer(server, cache, now()),
    desired: (server, { look, hosts }) => ({ looks: look, objects: childrenOf(desiredRights(server, hosts)) }),
    afterDeletion,
    status: serverStatus,
    due: ({ spec }, atMs) =>
      spec.external === undefined || spec.lost ? undefined : (Math.floor(atMs / lookMs) + 1) * lookMs,
  });
}

/** The one that it is on, and all that may say how its host's own is reached. */
function serversOf({ spec, status }: Database, cache: Cache): readonly ObjectKey[] {
  const listening = cache
    .list(databaseServerKind)
    .filter((server) => server.spec.engine === spec.engine && server.spec.managed?.network !== undefined)
    .map(({ metadata }) => ({ name: metadata.name }));
  return [...namesOf(status?.server), ...listening];
}

function namesOf(server: string | undefined): readonly ObjectKey[] {
  return server === undefined ? [] : [{ name: server }];
}

/** Whether one counts for something else now. */
function isOther(groupOf: (object: KubeObject) => string): NonNullable<Watch['isNews']> {
  return (changed, previous, type) =>
    type !== 'modified' || previous === undefined || groupOf(changed) !== groupOf(previous);
}

const BY_SECRET = 'secret';

/** DatabaseServers by the Secret that they name. */
const serversBySecret = {
  kind: databaseServerKind,
  index: {
    name: BY_SECRET,
    valuesOf: (server: KubeObject) => [secretOf(server as DatabaseServer)].filter((name) => name !== undefined),
  },
};

function namedBy({ metadata: { namespace, name } }: KubeObject, cache: Cache): readonly ObjectKey[] {
  if (namespace !== SYSTEM_NAMESPACE) return [];
  return cache.byIndex(databaseServerKind, BY_SECRET, name).map(({ metadata }) => ({ name: metadata.name }));
}

function isDeletion(_changed: KubeObject, _previous: KubeObject | undefined, type: string): boolean {
  return type === 'deleted';
}

/** Those that may lead to the server of one that is declared no more. */
function heirsTo({ spec }: DatabaseServer, cache: Cache): readonly ObjectKey[] {
  const others = cache.list(databaseServerKind).filter((other) => other.spec.engine === spec.engine);
  return others.map(({ metadata }) => ({ name: metadata.name }));
}

/** Those that a host that is gone has used. */
function usedBy(host: string, cache: Cache): readonly ObjectKey[] {
  if (!isHostGone(host, cache)) return [];
  const used = cache.list(databaseServerKind).filter(({ status }) => status?.hosts?.includes(host) === true);
  return used.map(({ metadata: { name } }) => ({ name }));
}

/** Those that have something of a tenant which is to be given to another host. */
function leftBy(tenant: string, cache: Cache): readonly ObjectKey[] {
  const things = [
    ...cache.list(databaseKind, tenant).map(onServerElsewhere),
    ...keptOfTenant(tenant, cache).map(keptOnServerElsewhere),
  ];
  return things.filter((thing) => isStranded(thing, cache)).flatMap(({ server }) => namesOf(server));
}

/** Agents may write where a DatabaseUser is, and what is kept: neither lets a host know the server that does not already, but the one that kept it first, or is the heir. */
function gatherServer(server: DatabaseServer, cache: Cache, nowMs: number): DatabaseServerInputs {
  const { name } = server.metadata;
  const databases = databasesCounted(name, cache).filter(
    ({ like }) => like.status.server === name && isRightlyOn(like, server, cache),
  );
  const users = [...usersCounted(name, cache)].filter(([host]) => isAdmitted(host === '' ? undefined : host, server));
  const kept = keptCounted(name, cache);
  const keepers = kept.filter(({ like }) => like.isFirst || isAdmitted(like.host, server));
  const those = [...databases.map(({ like }) => like.status.host), ...users.map(([host]) => host)];
  const isLeft = [...those, ...kept.map(({ like }) => like.host)].some(
    (host) => host !== undefined && isHostGone(host, cache),
  );
  const using = [...those, ...keepers.map(({ like }) => like.host), ...(isLeft ? heirsOf(server, cache) : [])];
  const hosts = server.spec.managed?.network === undefined ? using : hostsWithOwn(server.spec.engine, cache);
  const versions = databases.map(({ like }) => like.status.serverVersion).filter((version) => version !== undefined);
  return {
    databases: sumOf(databases.map(({ count }) => count)),
    users: sumOf(users.map(([, count]) => count)),
    kept: sumOf(kept.map(({ count }) => count)),
    hosts: [...new Set(hosts.filter((host) => host !== undefined).filter((host) => host !== ''))].toSorted(),
    ...defined({
      usedVersion: versions.toSorted(byNumbers)[0],
      look: lookOf(server, cache, nowMs),
      certificateVersion: certificateVersionOf(server, cache),
    }),
  };
}

/** Who is to look after what hosts have left there that are gone. */
function heirsOf(server: DatabaseServer, cache: Cache): readonly (string | undefined)[] {
  const { name } = server.metadata;
  if (!isElsewhereStill(name, cache)) return [];
  const databases = databasesOfServer(name, cache).filter(
    (database) => database.status?.server === name && isRightlyOn(database, server, cache),
  );
  const things = [...databases.map(onServerElsewhere), ...keptOnServer(name, cache).map(keptOnServerElsewhere)];
  return things.map((thing) => nextHostOf(thing, cache));
}

/** Those on whose own server a Database is, whether by a DatabaseServer or without one. */
function hostsWithOwn(engine: Database['spec']['engine'], cache: Cache): readonly (string | undefined)[] {
  const declared = cache
    .list(databaseServerKind)
    .filter(({ spec }) => spec.managed !== undefined && spec.engine === engine)
    .map(({ metadata }) => metadata.name);
  return [engine, ...declared].flatMap((name) => databasesCounted(name, cache)).map(({ like }) => like.status.host);
}

/** The Secret of wcp360-system with its administrator, or with what it is known by. */
function secretOf({ spec: { external, managed } }: DatabaseServer): string | undefined {
  return external?.adminSecretRef.name ?? managed?.network?.tls.secretRef.name;
}

/** A server goes on with the certificate that it has when its Secret is gone. */
function certificateVersionOf(server: DatabaseServer, cache: Cache): string | undefined {
  const name = server.spec.managed?.network?.tls.secretRef.name;
  if (name === undefined) return undefined;
  const secret = cache.get(secretKind, { namespace: SYSTEM_NAMESPACE, name });
  return secret?.metadata.resourceVersion ?? server.status?.certificateVersion;
}

function sumOf(counts: readonly number[]): number {
  return counts.reduce((sum, count) => sum + count, 0);
}

function byNumbers(one: string, other: string): number {
  return one.localeCompare(other, 'en', { numeric: true });
}

function lookOf(
  { metadata, spec }: Pick<DatabaseServer, 'metadata' | 'spec'>,
  cache: Cache,
  nowMs: number,
): ServerLook {
  const { engine, external, versions, lost } = spec;
  if (external === undefined || lost) return undefined;
  const key = { namespace: SYSTEM_NAMESPACE, name: external.adminSecretRef.name };
  const request = metadata.annotations?.[ANNOTATIONS.requestedAt] ?? '';
  return {
    name: metadata.name,
    spec: { engine, external, versions },
    others: cache
      .list(databaseServerKind)
      .filter((other) => other.metadata.name !== metadata.name && other.spec.external !== undefined && !other.spec.lost)
      .map((other) => other.metadata.name),
    ...defined({ confirmed: metadata.annotations?.[ANNOTATIONS.confirm] }),
    secretVersion: cache.get(secretKind, key)?.metadata.resourceVersion ?? '',
    look: `${String(Math.floor(nowMs / lookMs))} ${request}`.trim(),
  };
}

/** The agents of hosts that have something there know its administrator, or what it is known by, and no others. */
function desiredRights(server: DatabaseServer, hosts: readonly string[]): readonly KubeObject[] {
  const secret = server.spec.lost ? undefined : secretOf(server);
  if (secret === undefined) return [];
  const name = `wcp360-database-server-${server.metadata.name}`;
  const metadata = { ...server.metadata, namespace: SYSTEM_NAMESPACE };
  const rights = { name, readers: hosts, secrets: [secret] };
  const labels = { [LABELS.managedBy]: MANAGED_BY };
  return secretRights(databaseServerKind, { metadata }, rights).map((child) => ({
    ...child,
    metadata: { ...child.metadata, labels },
  }));
}

/** Whoever takes something down there has to know the server. */
function afterDeletion<W>(
  _server: DatabaseServer,
  inputs: DatabaseServerInputs | undefined,
): Desired<DatabaseServerDrivers<W>> | Pending {
  const { databases = 0, users = 0, kept = 0 } = inputs ?? {};
  if (databases + users + kept === 0) return { looks: undefined, objects: new Map() };
  const what = `${String(databases)} Databases, ${String(users)} DatabaseUsers and ${String(kept)} RetainedData`;
  return { pending: { reason: 'InUse', message: `It goes when nothing is on it any more: ${what}.` } };
}
