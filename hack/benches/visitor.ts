import { Agent, request } from 'node:https';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { connect } from 'node:tls';
import type { Instance } from './instance.ts';

/** Who comes over HTTPS, and believes the CA of the instance and nobody else. */
export interface Visitor {
  /** A whole handshake; false when it is refused, or what is shown is not to be believed. */
  shakesHands(hostname: string): Promise<boolean>;
  /** The status of `/` over a connection of its own; `undefined` when there is none. */
  status(hostname: string): Promise<number | undefined>;
}

export function openVisitor({ directory, httpsPort }: Instance): Visitor {
  const ca = readFileSync(join(directory, 'acme-roots.pem'));
  const to = { host: '127.0.0.1', port: httpsPort, ca };
  return {
    shakesHands: (servername) =>
      new Promise((resolve) => {
        const socket = connect({ ...to, servername }, () => {
          resolve(true);
          socket.destroy();
        });
        socket.on('error', () => resolve(false));
      }),
    status: (servername) =>
      new Promise((resolve) => {
        const agent = new Agent({ maxCachedSessions: 0 });
        const asked = request({ ...to, agent, servername, path: '/', headers: { host: servername } }, (answer) => {
          answer.resume().on('end', () => resolve(answer.statusCode));
        });
        asked.on('error', () => resolve(undefined)).end();
      }),
  };
}
