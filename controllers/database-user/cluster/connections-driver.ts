import { createHash } from 'node:crypto';
import { secretKind } from '#schemas/meta/builtin.ts';
import { ANNOTATIONS } from '#schemas/meta/names.ts';
import type { KubeObject } from '#schemas/meta/object.ts';
import { databaseUserKind } from '#schemas/v1alpha1/database-user.ts';
import type { Client } from '#runtime/client/client.ts';
import { ownerId, type Driver, type Owner } from '#runtime/drivers/driver.ts';
import type { Cache } from '#runtime/manager/cache.ts';
import type { Action } from '#runtime/plan/plan.ts';
import {
  deleteSecret,
  readKnownSecret,
  readSecret,
  writeSecret,
  type SecretContent,
  type SecretOrder,
} from '#controllers/secret-store.ts';
import { secretValuesOf, type Connection } from './connection.ts';

interface World {
  readonly client: Client;
  readonly cache: Cache;
}

/** Secrets of one owner by name, and the digest of what each says; wanted ones bring what that is, unless they are to stay as they are. */
export type Connections = ReadonlyMap<string, { readonly digest: string; readonly connection?: Connection }>;

interface OfSecret {
  readonly namespace: string;
  readonly name: string;
  readonly owner: string;
}

export type ConnectionAction =
  | Action<'connections', 'write-secret', OfSecret & { readonly connection: Connection }>
  | Action<'connections', 'delete-secret', OfSecret>;

const BY_OWNER = 'connectionOf';

/** Secrets that we made for DatabaseUsers, by whom they are for. */
export const connectionSecrets = {
  kind: secretKind,
  index: {
    name: BY_OWNER,
    valuesOf: ({ metadata: { annotations = {} } }: KubeObject) =>
      annotations[ANNOTATIONS.connection] === undefined ? [] : [annotations[ANNOTATIONS.owner] ?? ''],
  },
};

/** What is wanted of the Secret of this name; without a connection, that it stays as it is. */
export function connectionsOf(secretName: string, connection: Connection | undefined): Connections {
  return new Map([
    [secretName, connection === undefined ? { digest: '' } : { digest: digestOf(connection), connection }],
  ]);
}

/** Whether a Secret that we made for an owner was written with this connection. */
export function isHandedOut(
  { metadata: { annotations = {} } }: Pick<KubeObject, 'metadata'>,
  owner: string,
  connection: Connection,
): boolean {
  return annotations[ANNOTATIONS.owner] === owner && annotations[ANNOTATIONS.connection] === digestOf(connection);
}

function digestOf(connection: Connection): string {
  return createHash('sha256').update(JSON.stringify(connection)).digest('hex').slice(0, 32);
}

/** Secrets with connections, for those who use databases. The snapshot is the cache itself. */
export function createConnectionsDriver<W extends World>(): Driver<
  'connections',
  Cache,
  Connections,
  ConnectionAction,
  W
> {
  /** What we have written, by resourceVersion; before a start, what the status says. With another one it is looked at anew. */
  const written = new Map<string, string>();
  return {
    name: 'connections',
    writesApi: true,
    nothing: new Map(),
    normalize: (desired) => desired,
    observe: (world) => Promise.resolve(world.cache),
    advance: (snapshot) => snapshot,
    of: (owner, cache) => {
      const { namespace, name } = owner;
      const { secretVersion } = cache.get(databaseUserKind, { namespace, name })?.status ?? {};
      return new Map(
        cache.byIndex(secretKind, BY_OWNER, ownerId(owner)).map(({ metadata }) => {
          const isAsWritten =
            metadata.resourceVersion === (written.get(`${namespace}/${metadata.name}`) ?? secretVersion);
          return [metadata.name, { digest: (isAsWritten && metadata.annotations?.[ANNOTATIONS.connection]) || '' }];
        }),
      );
    },
    plan: planConnections,
    apply: async (action, world, signal) => {
      const { client } = world;
      const { namespace, name, owner } = action.input;
      const key = { namespace, name };
      if (action.op === 'delete-secret') {
        await deleteSecret(client, { key, madeFor: owner }, signal);
        return void written.delete(`${namespace}/${name}`);
      }
      const version = await handOut(world, action.input, signal);
      if (version !== undefined) written.set(`${namespace}/${name}`, version);
    },
  };
}

/** The resourceVersion of the Secret that has it now; `undefined` when the password was followed by another one since that was wanted. */
async function handOut(
  world: World,
  { namespace, name, owner, connection }: Extract<ConnectionAction, { op: 'write-secret' }>['input'],
  signal: AbortSignal,
): Promise<string | undefined> {
  const { client } = world;
  const { passwordNamespace, passwordSecret } = connection;
  const passwords = await readSecret(client, { namespace: passwordNamespace, name: passwordSecret }, signal);
  const password = passwords?.madeFor === owner ? passwords.values[connection.passwordId] : undefined;
  if (password === undefined) return undefined;
  const key = { namespace, name };
  const there = await readKnownSecret(world, key, signal);
  const order: SecretOrder = {
    key,
    type: 'Opaque',
    fieldManager: 'wcp360-database-users',
    values: secretValuesOf(connection, password),
    madeFor: owner,
    notes: { [ANNOTATIONS.connection]: digestOf(connection) },
    before: { there },
  };
  const { resourceVersion } = hasAll(there, order) ? there : await writeSecret(client, order, signal);
  return resourceVersion;
}

/** Whether a Secret is as it is to be; what others have put beside is theirs. */
function hasAll(
  there: SecretContent | undefined,
  { values, madeFor, notes = {} }: SecretOrder,
): there is SecretContent {
  if (there?.madeFor !== madeFor) return false;
  const has = (found: Readonly<Record<string, string>>, wanted: Readonly<Record<string, string>>): boolean =>
    Object.entries(wanted).every(([name, value]) => found[name] === value);
  return has(there.values, values) && has(there.notes, notes);
}

function planConnections(owner: Owner, desired: Connections, observed: Connections): readonly ConnectionAction[] {
  const common = (name: string) => ({
    driver: 'connections' as const,
    subject: `Secret/${owner.namespace}/${name}`,
    disruption: 'none' as const,
    input: { namespace: owner.namespace, name, owner: ownerId(owner) },
  });
  const written = [...desired].flatMap(([name, { digest, connection }]) => {
    if (connection === undefined || observed.get(name)?.digest === digest) return [];
    const { input, ...rest } = common(name);
    const reason = observed.has(name) ? 'differs' : 'missing';
    const changes = Object.entries(connection).map(([field, to]: readonly [string, string]) => ({
      field,
      from: undefined,
      to,
    }));
    return [{ ...rest, op: 'write-secret', reason, changes, input: { ...input, connection } } as const];
  });
  const deleted = [...observed.keys()]
    .filter((name) => !desired.has(name))
    .map((name) => ({ ...common(name), op: 'delete-secret', reason: 'no longer wanted', changes: [] }) as const);
  return [...written, ...deleted];
}
