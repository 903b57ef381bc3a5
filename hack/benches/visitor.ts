import { Agent, request } from 'node:https';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { connect } from 'node:tls';
import type { Instance } from './instance.ts';

/** Who comes over HTTPS. */
export interface Visitor {
  /** A whole handshake, whoever has signed the certificate; false when it is refused, as for a name that there is none for. */
  shakesHands(hostname: string): Promise<boolean>;
  /** The status of `/` over a connection of its own; `undefined` when there is none, or its certificate is not from the CA of the instance. */
  status(hostname: string): Promise<number | undefined>;
}

export function openVisitor({ directory, httpsPort }: Instance): Visitor {
  const ca = readFileSync(join(directory, 'acme-roots.pem'));
  const to = { host: '127.0.0.1', port: httpsPort, ca };
  return {
    shakesHands: (servername) =>
      new Promise((resolve) => {
        const socket = connect({ ...to, servername, rejectUnauthorized: false }, () => {
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
