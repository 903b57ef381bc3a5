import { HostError, PostponedError, Wcp360Error } from '#runtime/base/errors.ts';
import type { Reached } from '#runtime/drivers/databases/relay.ts';
import type { Administrator, DumpMachine, ServerHost, ServerIdentity } from '#runtime/drivers/databases/server-host.ts';
import type { SecretReader } from '#runtime/drivers/secret-reader.ts';
import { connectSocket, connectTcp } from '#runtime/host/local/connect.ts';
import type { ReadOnlyHost } from '#runtime/host/host.ts';
import type { DatabaseRelays } from '#runtime/cmd/agent/database-relays.ts';
import { debianServerOf } from '#controllers/database-names.ts';
import { placeOf } from '#controllers/database-server.ts';
import { SYSTEM_NAMESPACE } from '#schemas/meta/names.ts';
import type { DatabaseServer } from '#schemas/v1alpha1/database-server.ts';

type External = NonNullable<DatabaseServer['spec']['external']>;

interface Declared {
  readonly name: string;
  readonly versions: DatabaseServer['spec']['versions'];
}

interface Means extends Pick<ReadOnlyHost, 'readProgramText'> {
  readonly secrets: SecretReader;
  readonly installation?: (signal: AbortSignal) => Promise<string | undefined>;
  readonly isGone?: (server: string) => boolean;
  readonly onVersion?: (version: string) => void;
  /** Absent: nothing of it becomes a file. */
  readonly machine?: DumpMachine;
  /** Absent: no program comes to a server elsewhere. */
  readonly relays?: DatabaseRelays;
}

/** As whom root comes to the servers of Debian's own packages. */
const administrators = { PostgreSQL: 'postgres', MariaDB: 'root' } as const;

/** The machine's own server, as Debian's package runs it: the kernel says that we are root. */
export function debianServer(
  { name, engine, versions }: Declared & Pick<DatabaseServer['spec'], 'engine'>,
  means: Omit<Means, 'secrets' | 'relays'>,
  way = debianServerOf(engine),
): ServerHost {
  const username = administrators[engine];
  return {
    server: name,
    versions,
    ...means,
    isShared: true,
    way: () => Promise.resolve(way),
    isRemote: false,
    administrator: () => Promise.resolve({ username }),
    hasServer: () => Promise.resolve(true),
    enter: async (signal) => ({
      stream: await connectSocket(`${way.socketDirectory}/${way.socketFile}`, signal),
      username,
    }),
  };
}

/** A server elsewhere, over TLS, by the administrator in its Secret. */
export function externalServer(
  {
    name,
    engine,
    external,
    versions,
  }: Declared & Pick<DatabaseServer['spec'], 'engine'> & { readonly external: External },
  { secrets, relays, ...means }: Means,
): ServerHost {
  const place = placeOf(external.address);
  const tls = identityOf(external);
  const administrator = async (signal: AbortSignal): Promise<Administrator> => ({
    ...(await administratorOf(external, secrets, signal)),
    tls,
  });
  const reach = async (signal: AbortSignal): Promise<Reached> => ({
    stream: await connectTcp({ host: place.host, port: Number(place.port) }, signal),
    tls,
  });
  return {
    server: name,
    versions,
    ...means,
    way: relays?.lead({ name, engine, reach }) ?? nobodysWay,
    isRemote: true,
    administrator,
    hasServer: () => Promise.resolve(true),
    enter: async (signal) => {
      try {
        const who = await administrator(signal);
        return { ...who, stream: (await reach(signal)).stream };
      } catch (err) {
        signal.throwIfAborted();
        if (err instanceof PostponedError || !(err instanceof Wcp360Error)) throw err;
        throw new PostponedError('ServerUnreachable', `DatabaseServer ${name}: ${err.message}`, { cause: err });
      }
    },
  };
}

const nobodysWay = (): Promise<never> => Promise.reject(new HostError('no program comes to it from here'));

function identityOf({ address, tls }: External): ServerIdentity {
  const authorities = tls.caBundle === undefined ? {} : { authorities: tls.caBundle };
  return { name: tls.serverName ?? placeOf(address).host, ...authorities };
}

async function administratorOf(
  { adminSecretRef }: External,
  secrets: SecretReader,
  signal: AbortSignal,
): Promise<Pick<Administrator, 'username' | 'password'>> {
  const secret = await secrets.read(SYSTEM_NAMESPACE, adminSecretRef.name, signal);
  const { username, password } = secret ?? {};
  if (username === undefined || password === undefined) {
    const message = `Secret ${adminSecretRef.name} of ${SYSTEM_NAMESPACE} has no username and password of an administrator.`;
    throw new PostponedError('SecretNotFound', message);
  }
  return { username, password };
}
