import type { OnReadOpts } from 'node:net';
import { connect, createSecureContext, type ConnectionOptions, type SecureContextOptions } from 'node:tls';
import { percentile } from './measurement.ts';

/** Many watchers of one collection in this process, and how long each event took to each of them. */
export interface Watchers {
  /** An object of this name (`w-` and digits) is about to be created. */
  sent(name: string): void;
  /** Events that have arrived. */
  readonly deliveries: number;
  latencyMs(part: number): number;
  close(): void;
}

export interface WatchersOptions {
  readonly url: string;
  readonly path: string;
  readonly tls: SecureContextOptions;
  readonly count: number;
}

/**
 * Resolves when the server has begun to answer all of them. They share the cores with what they measure, so they read HTTP/1.1 by themselves, from
 * one buffer for all connections: node:https takes twice the CPU for each event.
 */
export async function openWatchers({ url, path, tls, count }: WatchersOptions): Promise<Watchers> {
  const sentAt = new Map<string, number>();
  const latenciesMs: number[] = [];
  const onEvents = (text: string): void => {
    const now = performance.now();
    for (const [, name = ''] of text.matchAll(/"name":"(w-\d+)"/g)) {
      const at = sentAt.get(name);
      if (at !== undefined) latenciesMs.push(now - at);
    }
  };
  const { hostname: host, port } = new URL(url);
  const to = { host, port: Number(port), servername: '', secureContext: createSecureContext(tls) };
  const head = `GET ${path} HTTP/1.1\r\nHost: ${host}\r\n\r\n`;
  const closers = await Promise.all(Array.from({ length: count }, () => openWatch(to, head, onEvents)));
  return {
    sent: (name) => void sentAt.set(name, performance.now()),
    get deliveries() {
      return latenciesMs.length;
    },
    latencyMs: (part) => percentile(latenciesMs, part),
    close: () => {
      for (const close of closers) close();
    },
  };
}

/** What is read lies here until the next read, of whichever connection. */
const buffer = Buffer.alloc(64 * 1024);

function openWatch(to: ConnectionOptions, head: string, onEvents: (text: string) => void): Promise<() => void> {
  return new Promise((resolve, reject) => {
    let rest = '';
    const onHead = (text: string): void => {
      const end = text.indexOf('\r\n\r\n');
      rest = end < 0 ? text : text.slice(end + 2);
      if (end < 0) return;
      if (!text.startsWith('HTTP/1.1 200 ')) reject(new Error(text));
      take = onChunks;
      resolve(() => socket.destroy());
      take('');
    };
    const onChunks = (text: string): void => {
      const whole = text.replaceAll(/\r\n[\da-f]+\r\n/g, '');
      const end = whole.lastIndexOf('}\n') + 2;
      rest = end < 2 ? whole : whole.slice(end);
      if (end >= 2) onEvents(whole.slice(0, end));
    };
    let take = onHead;
    const onread: OnReadOpts = {
      buffer,
      callback: (length: number): boolean => {
        take(rest + buffer.toString('latin1', 0, length));
        return true;
      },
    };
    const options: ConnectionOptions & { readonly onread: OnReadOpts } = { ...to, onread };
    const socket = connect(options, () => socket.write(head));
    socket.on('error', reject);
  });
}
