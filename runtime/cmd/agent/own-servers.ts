import { createServer } from 'node:net';
import { once } from 'node:events';
import { HostError, PostponedError } from '#runtime/base/errors.ts';
import { isEqual, isRecord } from '#runtime/base/json.ts';
import { createTurns } from '#runtime/base/turns.ts';
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

/** How the servers of an agent run, and that they do. */
export interface AgentsKeeper extends OwnServersKeeper {
  /**
   * Has a server run as it was set last, unless it is known to. One whose network cannot be had any more runs without, and is set so: whoever uses it by the socket is
   * not to wait for that. HostError when it does not start.
   */
  start(name: OwnServerName, signal: AbortSignal): Promise<void>;
  /** Somebody found a server closed that is known to run. */
  doubt(name: OwnServerName): void;
}

/** Keeps settings of servers beside what they have, so that these run in the same way after a start of the agent, before anybody tells it anything. */
export function createOwnServersKeeper(host: Host, servers: StartableServers): AgentsKeeper {
  const turns = { postgresql: createTurns(1), mariadb: createTurns(1) };
  const known = new Set<OwnServerName>();
  const listeners = new Set<() => void>();
  const settingsOf = async (name: OwnServerName, signal: AbortSignal) => await readSettings(host, name, signal);
  const withoutNetwork = async (name: OwnServerName, settings: OwnServerSettings, signal: AbortSignal) => {
    const { network: _, ...rest } = settings;
    // Told first: it is not reached over the network from then on, whether it starts or not.
    await writeSettings(host, name, rest, signal);
    for (const tell of listeners) tell();
    await servers[name].start(rest, signal);
  };
  return {
    settings: async (signal) => ({
      postgresql: await settingsOf('postgresql', signal),
      mariadb: await settingsOf('mariadb', signal),
    }),
    set: async (name, { settings, identity }, signal) =>
      await turns[name].take(async () => {
        const server = servers[name];
        const before = await settingsOf(name, signal);
        if (identity !== undefined) await server.placeIdentity(identity, signal);
        if (await server.hasServer(signal)) {
          known.delete(name);
          await bring(server, { before, settings }, signal);
          known.add(name);
        }
        await writeSettings(host, name, settings, signal);
      }, signal),
    start: async (name, signal) =>
      await turns[name].take(async () => {
        if (known.has(name)) return;
        const settings = await settingsOf(name, signal);
        const { running = false } = (await host.services.get(name, signal)) ?? {};
        try {
          if (!running) await mustBeFree(addressesOf(settings.network), servers[name].port);
          await servers[name].start(settings, signal);
        } catch (err) {
          if (settings.network === undefined || !isNoStart(err)) throw err;
          await withoutNetwork(name, settings, signal);
        }
        known.add(name);
      }, signal),
    doubt: (name) => void known.delete(name),
    follow: (onChange, signal) => {
      if (signal.aborted) return;
      listeners.add(onChange);
      signal.addEventListener('abort', () => listeners.delete(onChange), { once: true });
    },
  };
}

function isNoStart(err: unknown): boolean {
  return err instanceof HostError || err instanceof PostponedError;
}

async function writeSettings(
  host: Host,
  name: OwnServerName,
  settings: OwnServerSettings,
  signal: AbortSignal,
): Promise<void> {
  await host.makeDirectory(`${host.root}/databases`, { mode: 0o711, uid: 0, gid: 0 }, signal);
  const ownership = { mode: 0o600, uid: 0, gid: 0, durable: true };
  await host.replaceFile(settingsPath(host.root, name), `${JSON.stringify(settings)}\n`, ownership, signal);
}

/** As they were set last; none where nobody has. */
async function readSettings(host: Host, name: OwnServerName, signal: AbortSignal): Promise<OwnServerSettings> {
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
  if (before === undefined || wanted === undefined) return addressesOf(wanted);
  // Where it listens everywhere, nobody else does.
  return before.addresses.length === 0 ? [] : wanted.addresses.filter((each) => !before.addresses.includes(each));
}

function addressesOf(network: ServerNetwork | undefined): readonly string[] {
  if (network === undefined) return [];
  return network.addresses.length === 0 ? ['0.0.0.0'] : network.addresses;
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
