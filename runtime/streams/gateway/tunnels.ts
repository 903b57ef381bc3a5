import { once } from 'node:events';
import { request as httpRequest, type IncomingMessage } from 'node:http';
import { connect, type ClientHttp2Session } from 'node:http2';
import type { Duplex } from 'node:stream';
import { text } from 'node:stream/consumers';
import type { SendRequest, UpgradeSocket } from '#runtime/relay/relay.ts';
import type { Logger } from '#runtime/telemetry/logger.ts';
import { connectionOver, keepAlive, tunnelSettings } from '#runtime/streams/tunnel.ts';

/**
 * The agents that are attached to this replica, by the name of their host. An agent cannot know which replica a dial ends at: each tunnel begins with the
 * replica's word of who it is, and is of use once the agent has answered that it keeps it.
 */
export interface Tunnels {
  /** Takes over a connection of a host's agent. */
  attach(host: string, connection: UpgradeSocket): void;
  /** How requests reach the agent of a host; one that is not attached here is waited for until the signal aborts, which gives undefined. */
  sender(host: string, signal: AbortSignal): Promise<SendRequest | undefined>;
  hosts(): readonly string[];
  /** Tells all agents which replicas there are, those that come later, too. */
  tell(replicas: readonly string[]): void;
  close(): void;
}

/** `self` is what this replica is known by to agents. */
export function createTunnels(self: string, log: Logger): Tunnels {
  const sessions = createSessions();
  let replicas: readonly string[] = [self];
  const introduce = async (host: string, session: ClientHttp2Session): Promise<void> => {
    try {
      if (await isKept(session, JSON.stringify({ self, all: replicas }))) sessions.add(host, session);
      else session.close();
    } catch (err) {
      log.info({ host, err }, 'an agent does not know of all replicas');
    }
  };
  return {
    attach: (host, { socket, head }) => {
      if (head.length > 0) socket.unshift(head);
      const session = connect('http://agent', { createConnection: () => socket, settings: tunnelSettings });
      session.on('error', (err) => log.info({ host, err }, 'tunnel broke'));
      session.on('close', () => {
        sessions.delete(host, session);
        log.info({ host }, 'agent detached');
      });
      session.on('connect', () => {
        log.info({ host }, 'agent attached');
        void introduce(host, session);
      });
      keepAlive(session);
    },
    sender: async (host, signal) => {
      const session = await sessions.newest(host, signal);
      return session === undefined ? undefined : senderOver(session);
    },
    hosts: sessions.hosts,
    tell: (all) => {
      replicas = all;
      for (const [host, session] of sessions.all()) void introduce(host, session);
    },
    close: () => {
      for (const [, session] of sessions.all()) session.destroy();
    },
  };
}

/** Tunnels in use. A host has several for a while when its agent began anew, and the former one's end was not noticed: the newest that lives counts. */
function createSessions() {
  const byHost = new Map<string, Set<ClientHttp2Session>>();
  const watchers = new Set<() => void>();
  const alive = (host: string): ClientHttp2Session | undefined =>
    [...(byHost.get(host) ?? [])].findLast(({ closed, destroyed }) => !closed && !destroyed);
  return {
    add: (host: string, session: ClientHttp2Session): void => {
      if (session.destroyed) return;
      byHost.set(host, (byHost.get(host) ?? new Set()).add(session));
      for (const watcher of watchers) watcher();
    },
    delete: (host: string, session: ClientHttp2Session): void => {
      byHost.get(host)?.delete(session);
      if (byHost.get(host)?.size === 0) byHost.delete(host);
    },
    newest: async (host: string, signal: AbortSignal): Promise<ClientHttp2Session | undefined> => {
      const { promise, resolve } = Promise.withResolvers<void>();
      const look = (): void => {
        if (signal.aborted || alive(host) !== undefined) resolve();
      };
      watchers.add(look);
      signal.addEventListener('abort', look);
      look();
      await promise;
      watchers.delete(look);
      signal.removeEventListener('abort', look);
      return alive(host);
    },
    hosts: (): readonly string[] => [...byHost.keys()],
    all: (): readonly (readonly [host: string, session: ClientHttp2Session])[] =>
      [...byHost].flatMap(([host, each]) => [...each].map((session) => [host, session] as const)),
  };
}

/** Says to an agent, over a tunnel of its, who is at this end; whether the agent uses it. */
async function isKept(session: ClientHttp2Session, word: string): Promise<boolean> {
  const outgoing = senderOver(session)({ method: 'PUT', path: '/replicas' }).end(word);
  // Beyond the head of the answer, too: `once` hears of no error after that, and whoever reads the body is told there.
  outgoing.on('error', () => undefined);
  const [message] = (await once(outgoing, 'response')) as [IncomingMessage];
  await text(message);
  return message.statusCode === 204;
}

/** Each request has a stream of its own, which is a connection to the agent's HTTP server: how fast either side reads is the stream's affair alone. */
function senderOver(session: ClientHttp2Session): SendRequest {
  return (options) => {
    const createConnection = (): Duplex =>
      connectionOver(session.request({ ':method': 'CONNECT', ':authority': 'agent' }));
    return httpRequest({ ...options, agent: undefined, createConnection });
  };
}
