import { Agent, request } from 'node:https';
import type { SecureContextOptions } from 'node:tls';

export interface ClientOptions {
  readonly url: string;
  readonly tls: SecureContextOptions;
  readonly connections: number;
}

export interface LoadOptions {
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

/** A number of kept connections. */
export interface LoadClient {
  /** A closed loop: each connection sends its next request when the last was answered. Throws on the first answer that is no success. */
  run(load: LoadOptions): Promise<LoadResult>;
  close(): void;
}

/** Connections are opened by the first run, so a run to warm up keeps the handshakes out of what is measured. */
export function openClient({ url, tls, connections }: ClientOptions): LoadClient {
  const agent = new Agent({ keepAlive: true, maxSockets: connections, maxFreeSockets: connections, ...tls });
  const base = new URL(url);
  return {
    run: async (load) => {
      const latenciesMs: number[] = [];
      let next = 0;
      const startedAt = performance.now();
      const loop = async (): Promise<void> => {
        for (let n = next++; n < load.requests; n = next++) {
          const sentAt = performance.now();
          await exchange(agent, base, load, n);
          latenciesMs.push(performance.now() - sentAt);
        }
      };
      await Promise.all(Array.from({ length: connections }, loop));
      const seconds = (performance.now() - startedAt) / 1000;
      return { perSecond: load.requests / seconds, seconds, latenciesMs };
    },
    close: () => agent.destroy(),
  };
}

/** One run over connections of its own. */
export async function runLoad(options: ClientOptions & LoadOptions): Promise<LoadResult> {
  const client = openClient(options);
  try {
    return await client.run(options);
  } finally {
    client.close();
  }
}

function exchange(agent: Agent, base: URL, load: LoadOptions, n: number): Promise<void> {
  const { path, body } = load.make(n);
  const { method } = load;
  const headers: Record<string, string | number> = { ...load.headers };
  if (body !== undefined) {
    headers['content-type'] ??= 'application/json';
    headers['content-length'] = Buffer.byteLength(body);
  }
  return new Promise((resolve, reject) => {
    const sent = request({ agent, host: base.hostname, port: base.port, servername: '', path, method, headers });
    sent.on('error', reject).on('response', (answer) => {
      if ((answer.statusCode ?? 500) < 300) {
        answer.on('end', resolve).on('error', reject).resume();
        return;
      }
      let text = '';
      answer.setEncoding('utf8').on('data', (part: string) => (text += part));
      answer.on('end', () => reject(new Error(`${method} ${path}: ${answer.statusCode} ${text.slice(0, 500)}`)));
    });
    sent.end(body);
  });
}
