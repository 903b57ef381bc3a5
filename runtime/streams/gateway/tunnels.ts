import { connect, type ClientHttp2Session } from 'node:http2';
import { request as httpRequest } from 'node:http';
import type { Duplex } from 'node:stream';
import type { SendRequest, UpgradeSocket } from '#runtime/relay/relay.ts';
import type { Logger } from '#runtime/telemetry/logger.ts';
import { connectionOver, keepAlive, tunnelSettings } from '#runtime/streams/tunnel.ts';

/** The agents that are attached to this replica, by the name of their host. */
export interface Tunnels {
  /** Takes over a connection of a host's agent. It may have several, since it cannot know where a dial ends: the newest that lives counts. */
  attach(host: string, connection: UpgradeSocket): void;
  /** How requests reach the agent of a host; undefined when it is not attached here. */
  sender(host: string): SendRequest | undefined;
  hosts(): readonly string[];
  close(): void;
}

/** `onAttached` is called when an agent can be asked. */
export function createTunnels(log: Logger, onAttached: (host: string) => void): Tunnels {
  const sessions = new Map<string, Set<ClientHttp2Session>>();
  const newestOf = (host: string): ClientHttp2Session | undefined =>
    [...(sessions.get(host) ?? [])].findLast(({ closed, destroyed }) => !closed && !destroyed);
  const remember = (host: string, session: ClientHttp2Session): void => {
    sessions.set(host, (sessions.get(host) ?? new Set()).add(session));
  };
  const forget = (host: string, session: ClientHttp2Session): void => {
    sessions.get(host)?.delete(session);
    if (sessions.get(host)?.size === 0) sessions.delete(host);
  };
  return {
    attach: (host, { socket, head }) => {
      if (head.length > 0) socket.unshift(head);
      const session = connect('http://agent', { createConnection: () => socket, settings: tunnelSettings });
      session.on('error', (err) => log.info({ host, err }, 'tunnel broke'));
      session.on('close', () => {
        forget(host, session);
        log.info({ host }, 'agent detached');
      });
      session.on('connect', () => {
        remember(host, session);
        log.info({ host }, 'agent attached');
        onAttached(host);
      });
      keepAlive(session);
    },
    sender: (host) => {
      const session = newestOf(host);
      return session === undefined ? undefined : senderOver(session);
    },
    hosts: () => [...sessions.keys()],
    close: () => {
      for (const session of [...sessions.values()].flatMap((each) => [...each])) session.destroy();
    },
  };
}

/** Each request has a stream of its own, which is a connection to the agent's HTTP server: how fast either side reads is the stream's affair alone. */
function senderOver(session: ClientHttp2Session): SendRequest {
  return (options) => {
    const createConnection = (): Duplex =>
      connectionOver(session.request({ ':method': 'CONNECT', ':authority': 'agent' }));
    return httpRequest({ ...options, agent: undefined, createConnection });
  };
}
