import { Agent, request } from 'node:https';
import type { SecureContextOptions } from 'node:tls';

export interface LoadOptions {
  readonly url: string;
  readonly tls: SecureContextOptions;
  readonly connections: number;
  readonly requests: number;
  readonly method: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Path and body of the n-th request. */
  readonly make: (n: number) => { readonly path: string; readonly body?: string };
}

export interface LoadResult {
  readonly perSecond: number;
  readonly seconds: number;
  readonly latenciesMs: readonly number[];
}

/** A closed loop: each connection sends its next request when the last was answered. Throws on the first answer that is no success. */
export async function runLoad(options: LoadOptions): Promise<LoadResult> {
  const agent = new Agent({ keepAlive: true, maxSockets: options.connections, ...options.tls });
  const latenciesMs: number[] = [];
  let next = 0;
  const startedAt = performance.now();
  const loop = async (): Promise<void> => {
    for (let n = next++; n < options.requests; n = next++) {
      const sentAt = performance.now();
      await exchange(agent, options, n);
      latenciesMs.push(performance.now() - sentAt);
    }
  };
  await Promise.all(Array.from({ length: options.connections }, loop));
  const seconds = (performance.now() - startedAt) / 1000;
  agent.destroy();
  return { perSecond: options.requests / seconds, seconds, latenciesMs };
}

function exchange(agent: Agent, options: LoadOptions, n: number): Promise<void> {
  const { path, body } = options.make(n);
  return new Promise((resolve, reject) => {
    const sent = request(
      new URL(path, options.url),
      {
        agent,
        method: options.method,
        headers: {
          ...options.headers,
          ...(body !== undefined && { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) }),
        },
      },
      (answer) => {
        if ((answer.statusCode ?? 500) < 300) {
          answer.on('end', resolve).on('error', reject).resume();
          return;
        }
        let text = '';
        answer.setEncoding('utf8').on('data', (part: string) => (text += part));
        answer.on('end', () =>
          reject(new Error(`${options.method} ${path}: ${answer.statusCode} ${text.slice(0, 500)}`)),
        );
      },
    );
    sent.on('error', reject);
    sent.end(body);
  });
}
