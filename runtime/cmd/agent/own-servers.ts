import { createServer } from 'node:net';
import { once } from 'node:events';
import { HostError, PostponedError } from '#runtime/base/errors.ts';
import { abortable } from '#runtime/base/abortable.ts';
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
   * not to wait for that. HostError when it does not start, for all who wait for the same start; that goes on when one of them waits no longer.
   */
  start(name: OwnServerName, signal: AbortSignal): Promise<void>;
  /** Somebody found a server closed that is known to run. */
  doubt(name: OwnServerName): void;
}

/**
 * Keeps settings of servers beside what they have, so that these run in the same way after a start of the agent, before anybody tells it anything. Starts last as long as
 * `signal` lets them.
 */
export function createOwnServersKeeper(host: Host, servers: StartableServers, signal: AbortSignal): AgentsKeeper {
  const turns = { postgresql: createTurns(1), mariadb: createTurns(1) };
  const known = new Set<OwnServerName>();
  const listeners = new Set<() => void>();
  const tellAll = (): void => {
    for (const tell of listeners) tell();
  };
  const settingsOf = async (name: OwnServerName, asking: AbortSignal) => await readSettings(host, name, asking);
  const startUnlessKnown = async (name: OwnServerName): Promise<void> =>
    await turns[name].take(async () => {
      if (known.has(name)) return;
      await startAsSet(name, { host, server: servers[name], tellAll }, signal);
      known.add(name);
    }, signal);
  return {
    settings: async (asking) => ({
      postgresql: await settingsOf('postgresql', asking),
      mariadb: await settingsOf('mariadb', asking),
    }),
    set: async (name, { settings, identity }, asking) =>
      await turns[name].take(async () => {
        const server = servers[name];
        const before = await settingsOf(name, asking);
        if (identity !== undefined) await server.placeIdentity(identity, asking);
        if (await server.hasServer(asking)) {
          known.delete(name);
          await bring(server, { before, settings }, asking);
          known.add(name);
        }
        await writeSettings(host, name, settings, asking);
      }, asking),
    start: together(startUnlessKnown),
    doubt: (name) => void known.delete(name),
    follow: (onChange, asking) => {
      if (asking.aborted) return;
      listeners.add(onChange);
      asking.addEventListener('abort', () => listeners.delete(onChange), { once: true });
    },
  };
}

/** Has all who ask while something is done for a name wait for that, each as long as its own signal lets it. */
function together(
  work: (name: OwnServerName) => Promise<void>,
): (name: OwnServerName, asking: AbortSignal) => Promise<void> {
  const underway = new Map<OwnServerName, Promise<void>>();
  return async (name, asking) => {
    asking.throwIfAborted();
    const done = underway.get(name) ?? work(name).finally(() => underway.delete(name));
    underway.set(name, done);
    await abortable(done, asking);
  };
}

interface Starting {
  readonly host: Host;
  readonly server: StartableServer;
  /** Of other settings. */
  readonly tellAll: () => void;
}

async function startAsSet(
  name: OwnServerName,
  { host, server, tellAll }: Starting,
  signal: AbortSignal,
): Promise<void> {
  const settings = await readSettings(host, name, signal);
  const { running = false } = (await host.services.get(name, signal)) ?? {};
  try {
    if (!running) await mustBeFree(addressesOf(settings.network), server.port);
    await server.start(settings, signal);
  } catch (err) {
    const { network, ...rest } = settings;
    if (network === undefined || !isNoStart(err)) throw err;
    // Told first: it is not reached over the network from then on, whether it starts or not.
    await writeSettings(host, name, rest, signal);
    tellAll();
    await server.start(rest, signal);
  }
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
