import { createHash, randomBytes } from 'node:crypto';
import { secretKind } from '#schemas/meta/builtin.ts';
import { ANNOTATIONS } from '#schemas/meta/names.ts';
import type { KubeObject } from '#schemas/meta/object.ts';
import type { Client } from '#runtime/client/client.ts';
import { ownerId, type Driver, type Owner } from '#runtime/drivers/driver.ts';
import type { Cache } from '#runtime/manager/cache.ts';
import type { Action } from '#runtime/plan/plan.ts';
import { deleteSecret, readSecret, writeSecret } from '#controllers/secret-store.ts';
import { secretValuesOf, type Connection } from './connection.ts';

interface World {
  readonly client: Client;
  readonly cache: Cache;
}

/** Secrets of one owner by name, and the digest of what each says beside its password; wanted ones bring what that is. */
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

/** What is wanted of a Secret. */
export function connectionOf(connection: Connection): { readonly digest: string; readonly connection: Connection } {
  const digest = createHash('sha256').update(JSON.stringify(connection)).digest('hex').slice(0, 32);
  return { digest, connection };
}

/** Secrets with connections: the password is made once, and read by nobody but who writes the rest beside it. The snapshot is the cache itself. */
export function createConnectionsDriver<W extends World>(): Driver<
  'connections',
  Cache,
  Connections,
  ConnectionAction,
  W
> {
  return {
    name: 'connections',
    nothing: new Map(),
    normalize: (desired) => desired,
    observe: (world) => Promise.resolve(world.cache),
    advance: (snapshot) => snapshot,
    of: (owner, cache) =>
      new Map(
        cache
          .byIndex(secretKind, BY_OWNER, ownerId(owner))
          .map(({ metadata }) => [metadata.name, { digest: metadata.annotations?.[ANNOTATIONS.connection] ?? '' }]),
      ),
    plan: planConnections,
    apply: async (action, { client }, signal) => {
      const { namespace, name, owner } = action.input;
      const key = { namespace, name };
      if (action.op === 'delete-secret') return await deleteSecret(client, { key, madeFor: owner }, signal);
      const there = await readSecret(client, key, signal);
      const password = there?.values['password'] ?? randomBytes(24).toString('base64url');
      const { digest, connection } = connectionOf(action.input.connection);
      const values = secretValuesOf(connection, password);
      const notes = { [ANNOTATIONS.connection]: digest };
      await writeSecret(client, { key, type: 'Opaque', values, madeFor: owner, notes, before: { there } }, signal);
    },
    settle: () => Promise.resolve(),
  };
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
