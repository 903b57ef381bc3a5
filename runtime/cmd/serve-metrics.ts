import { createServer, type ServerResponse } from 'node:http';
import type { Metrics } from '#runtime/telemetry/metrics.ts';
import { addressOf } from './listen-address.ts';

/** What a program tells of itself. */
export interface Health {
  /** From then on `/readyz` says ok; `/livez` did since the start. */
  readyAfter(done: Promise<void>): void;
}

/** Serves `/metrics`, `/livez` and `/readyz` in plain HTTP at `host:port` until the signal aborts; nowhere when empty. */
export async function serveMetrics(listen: string, metrics: Metrics, signal: AbortSignal): Promise<Health> {
  let isReady = false;
  const readyAfter = (done: Promise<void>): void => {
    done.then(() => (isReady = true)).catch(() => undefined);
  };
  if (listen === '') return { readyAfter };
  const server = createServer((request, response) => {
    if (request.url === '/metrics') answerMetrics(response, metrics).catch((err: unknown) => fail(response, err));
    else answer(response, request.url === '/livez' ? true : request.url === '/readyz' ? isReady : undefined);
  });
  const { host, port } = addressOf(listen);
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject).listen(port, host, resolve);
  });
  signal.addEventListener('abort', () => void server.close(), { once: true });
  return { readyAfter };
}

async function answerMetrics(response: ServerResponse, metrics: Metrics): Promise<void> {
  const { contentType, text } = await metrics.exposition();
  response.writeHead(200, { 'content-type': contentType }).end(text);
}

function fail(response: ServerResponse, err: unknown): void {
  const why = err instanceof Error ? err.message : String(err);
  response.writeHead(500, { 'content-type': 'text/plain' }).end(`the figures cannot be read: ${why}\n`);
}

function answer(response: ServerResponse, isWell: boolean | undefined): void {
  const [code, text] = isWell === undefined ? [404, 'not found'] : isWell ? [200, 'ok'] : [503, 'not ready'];
  response.writeHead(code, { 'content-type': 'text/plain' }).end(`${text}\n`);
}
