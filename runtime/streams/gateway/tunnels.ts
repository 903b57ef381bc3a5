import { connect, type ClientHttp2Session } from 'node:http2';
import { request as httpRequest } from 'node:http';
import type { Duplex } from 'node:stream';
import type { SendRequest, UpgradeSocket } from '#runtime/relay/relay.ts';
import type { Logger } from '#runtime/telemetry/logger.ts';
import { connectionOver, keepAlive, tunnelSettings } from '#runtime/streams/tunnel.ts';

/** The agents that are attached to this replica, by the name of their host. */
export interface Tunnels {
  /** Takes over the connection of a host's agent; the newest counts, an older one goes on with what it has begun. */
  attach(host: string, connection: UpgradeSocket): void;
  /** How requests reach the agent of a host; undefined when it is not attached here. */
  sender(host: string): SendRequest | undefined;
  hosts(): readonly string[];
  close(): void;
}

/** `onAttached` is called when an agent can be asked. */
export function createTunnels(log: Logger, onAttached: (host: string) => void): Tunnels {
  const sessions = new Map<string, ClientHttp2Session>();
  const forget = (host: string, session: ClientHttp2Session): void => {
    if (sessions.get(host) === session) sessions.delete(host);
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
        sessions.set(host, session);
        log.info({ host }, 'agent attached');
        onAttached(host);
      });
      keepAlive(session);
    },
    sender: (host) => {
      const session = sessions.get(host);
      return session === undefined || session.closed || session.destroyed ? undefined : senderOver(session);
    },
    hosts: () => [...sessions.keys()],
    close: () => {
      for (const session of sessions.values()) session.destroy();
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
