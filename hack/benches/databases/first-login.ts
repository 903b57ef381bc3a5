import { setTimeout as delay } from 'node:timers/promises';
import type { Engine } from '#controllers/database-names.ts';
import { applyHeaders, objectOf, tenant, type Applied } from '#hack/benches/domains.ts';
import type { Instance } from '#hack/benches/instance.ts';
import { openClient, type LoadClient } from '#hack/benches/load.ts';
import { openEngineSession, type Entry } from '#hack/benches/reference/engine-session.ts';
import { createClient } from '#runtime/client/https-client.ts';
import type { Client } from '#runtime/client/client.ts';
import { objectKey } from '#runtime/storage/object-key.ts';
import { secretType } from '#test/lab/tenants.ts';

/** A Database, and a DatabaseUser of its name that owns it. */
export function pairOfObjects(engine: Engine, name: string): readonly Applied[] {
  const metadata = { name, namespace: tenant };
  const user = { databases: [{ name }], secretName: secretOf(name) };
  return [
    objectOf('Database', `namespaces/${tenant}/databases`, metadata, { engine }),
    objectOf('DatabaseUser', `namespaces/${tenant}/databaseusers`, metadata, user),
  ];
}

function secretOf(name: string): string {
  return `${name}-db`;
}

/** Who declares databases, and logs in there. */
export interface Applicant {
  /** With what is in the Secret, as soon as there is one: milliseconds from the sending of the apply until the server has answered. */
  logIn(name: string): Promise<number>;
  close(): Promise<void>;
}

/** The rest of its way (status, events) is not to be in the next one's time. */
const restMs = 100;

export async function openApplicant(instance: Instance, engine: Engine): Promise<Applicant> {
  const { apiUrl, admin, directory } = instance;
  const tls = { ca: admin.ca.toString(), cert: admin.cert.toString(), key: admin.key.toString() };
  const client = createClient({ server: apiUrl, tls });
  const load = openClient({ url: apiUrl, tls: admin, connections: 1 });
  // Connections are there, as those of people are.
  await client.list(secretType, { namespace: tenant });
  return {
    logIn: async (name) => {
      const secretName = secretOf(name);
      const before = await instance.store.currentRevision();
      const startedAt = performance.now();
      const [account] = await Promise.all([
        secretThere(instance, secretName, before).then(async () => await accountIn(client, secretName)),
        applyInTurn(load, pairOfObjects(engine, name)),
      ]);
      const session = await openEngineSession(engine, { root: directory, ...account });
      await session.ask('SELECT 1');
      const tookMs = performance.now() - startedAt;
      await session.close();
      await delay(restMs);
      return tookMs;
    },
    close: async () => {
      load.close();
      await client.close();
    },
  };
}

const secretTimeoutMs = 30_000;

/** Resolves with the first write of a Secret after a revision, as etcd tells it: whoever asks the server again and again slows down what he waits for. */
async function secretThere({ store }: Instance, name: string, after: number): Promise<void> {
  const key = objectKey('core/secrets', tenant, name);
  for await (const { changes } of store.watch(key, after, AbortSignal.timeout(secretTimeoutMs)))
    if (changes.length > 0) return;
  throw new Error(`there was no Secret ${name} in ${secretTimeoutMs / 1_000} s`);
}

async function accountIn(client: Client, secretName: string): Promise<Omit<Entry, 'root'>> {
  const secret = await client.get(secretType, { namespace: tenant, name: secretName });
  const { data = {} } = secret as { readonly data?: Readonly<Record<string, string>> };
  const text = (key: string): string => Buffer.from(data[key] ?? '', 'base64').toString();
  return { database: text('database'), username: text('username'), password: text('password') };
}

async function applyInTurn(load: LoadClient, objects: readonly Applied[]): Promise<void> {
  const make = (n: number): Applied => objects[n] ?? { path: '', body: '' };
  await load.run({ requests: objects.length, method: 'PATCH', headers: applyHeaders, make });
}
