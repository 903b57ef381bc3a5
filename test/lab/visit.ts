import { request, type IncomingHttpHeaders } from 'node:http';
import { request as secureRequest } from 'node:https';
import { connect } from 'node:net';

/** What a visitor got. */
export interface Visit {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

export interface VisitOptions {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Buffer;
  readonly localAddress?: string;
  /** The front is on loopback unless said. */
  readonly host?: string;
  /** By HTTPS, with this name in the handshake; whatever certificate is shown will do. */
  readonly servername?: string;
}

const timeoutMs = 20_000;
const silenceMs = 5_000;

/** One request to a front, on a connection of its own; the path is sent as it is. Rejects when nobody listens or the connection breaks. */
export async function visit(port: number, hostname: string, path = '/', options: VisitOptions = {}): Promise<Visit> {
  const { body, headers, method = 'GET', ...more } = options;
  return await new Promise((resolve, reject) => {
    const begin = options.servername === undefined ? request : secureRequest;
    const asked = begin({
      rejectUnauthorized: false,
      host: '127.0.0.1',
      port,
      path,
      method,
      headers: { host: hostname, ...headers },
      agent: false,
      timeout: timeoutMs,
      ...more,
    });
    asked.once('error', reject);
    asked.once('timeout', () => asked.destroy(new Error('no answer in time')));
    asked.once('response', (answer) => {
      const parts: Buffer[] = [];
      answer.on('data', (part: Buffer) => parts.push(part));
      answer.once('error', reject);
      answer.once('end', () =>
        resolve({
          status: answer.statusCode ?? 0,
          headers: answer.headers,
          body: Buffer.concat(parts).toString('utf8'),
        }),
      );
    });
    asked.end(body);
  });
}

/** Sends bytes that no HTTP library would, and gives what comes back until that is `enough`, the connection ends, or nothing comes any more. */
export async function sendRaw(port: number, bytes: string, enough?: RegExp): Promise<string> {
  return await new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    let seen = '';
    socket.setEncoding('latin1');
    socket.setTimeout(silenceMs, () => socket.destroy());
    socket.on('data', (part: string) => {
      seen += part;
      if (enough?.test(seen) === true) socket.destroy();
    });
    socket.on('error', () => undefined);
    socket.once('close', () => resolve(seen));
    socket.write(bytes, 'latin1');
  });
}
