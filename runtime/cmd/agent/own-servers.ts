import { createServer } from 'node:net';
import { once } from 'node:events';
import { HostError, PostponedError } from '#runtime/base/errors.ts';
import { isEqual, isRecord } from '#runtime/base/json.ts';
import type { ServerKeyPair } from '#runtime/drivers/databases/server-host.ts';
import type { OwnServersKeeper } from '#runtime/drivers/own-servers/model.ts';
import type { ServerNetwork } from '#runtime/drivers/databases/model.ts';
import type { OwnServerName, OwnServerSettings } from '#runtime/drivers/own-servers/model.ts';
import type { Host } from '#runtime/host/host.ts';

/** One kind of server, as far as it is begun and begun anew. */
export interface StartableServer {
  readonly port: number;
  hasServer(signal: AbortSignal): Promise<boolean>;
  /** Brings it to these settings; HostError when it does not start. */
  start(settings: OwnServerSettings, signal: AbortSignal): Promise<void>;
  placeIdentity(pair: ServerKeyPair, signal: AbortSignal): Promise<void>;
  /** Has it show the certificate that is at its place. */
  reload(signal: AbortSignal): Promise<void>;
}

export type StartableServers = Readonly<Record<OwnServerName, StartableServer>>;

/** Keeps settings of servers beside what they have, so that these run in the same way after a start of the agent, before anybody tells it anything. */
export function createOwnServersKeeper(host: Host, servers: StartableServers): OwnServersKeeper {
  return {
    settings: async (signal) => ({
      postgresql: await readSettings(host, 'postgresql', signal),
      mariadb: await readSettings(host, 'mariadb', signal),
    }),
    set: async (name, { settings, identity }, signal) => {
      const server = servers[name];
      const before = await readSettings(host, name, signal);
      if (identity !== undefined) await server.placeIdentity(identity, signal);
      if (await server.hasServer(signal)) await bring(server, { before, settings }, signal);
      await host.makeDirectory(`${host.root}/databases`, { mode: 0o711, uid: 0, gid: 0 }, signal);
      const ownership = { mode: 0o600, uid: 0, gid: 0, durable: true };
      await host.replaceFile(settingsPath(host.root, name), `${JSON.stringify(settings)}\n`, ownership, signal);
    },
  };
}

/** As they were set last; none where nobody has. */
export async function readSettings(host: Host, name: OwnServerName, signal: AbortSignal): Promise<OwnServerSettings> {
  const text = await host.readText(settingsPath(host.root, name), signal);
  const found: unknown = text === undefined ? {} : JSON.parse(text);
  return isRecord(found) ? (found as OwnServerSettings) : {};
}

function settingsPath(root: string, name: OwnServerName): string {
  return `${root}/databases/${name}.json`;
}

interface Change {
  readonly before: OwnServerSettings;
  readonly settings: OwnServerSettings;
}

/** Whoever uses it by the socket is not to be without it because of a network that cannot be had. */
async function bring(server: StartableServer, { before, settings }: Change, signal: AbortSignal): Promise<void> {
  await mustBeFree(newAddresses(before.network, settings.network), server.port);
  try {
    await server.start(settings, signal);
  } catch (err) {
    if (err instanceof HostError && !isEqual(before, settings)) await server.start(before, signal);
    throw err;
  }
  if (settings.network !== undefined) await server.reload(signal);
}

/** Where it does not listen so far. */
function newAddresses(before: ServerNetwork | undefined, wanted: ServerNetwork | undefined): readonly string[] {
  if (wanted === undefined) return [];
  const { addresses } = wanted;
  if (before === undefined) return addresses.length === 0 ? ['0.0.0.0'] : addresses;
  // Where it listens everywhere, nobody else does.
  return before.addresses.length === 0 ? [] : addresses.filter((address) => !before.addresses.includes(address));
}

async function mustBeFree(addresses: readonly string[], port: number): Promise<void> {
  for (const address of addresses) {
    const listener = createServer().listen({ port, host: address });
    try {
      await once(listener, 'listening');
    } catch (cause) {
      const message = `Somebody else listens on port ${String(port)} of ${address}, or the host does not have that address.`;
      throw new PostponedError('PortTaken', message, { cause });
    } finally {
      listener.close();
    }
  }
}
