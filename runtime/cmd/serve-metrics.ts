import { createServer } from 'node:http';
import type { Metrics } from '#runtime/telemetry/metrics.ts';

/** Serves `/metrics`, `/livez` and `/readyz` in plain HTTP at `host:port` until the signal aborts; nowhere when empty. */
export async function serveMetrics(listen: string, metrics: Metrics, signal: AbortSignal): Promise<void> {
  if (listen === '') return;
  const server = createServer((request, response) => {
    if (request.url === '/metrics') {
      void metrics
        .exposition()
        .then(({ contentType, text }) => response.writeHead(200, { 'content-type': contentType }).end(text));
      return;
    }
    const isHealth = request.url === '/livez' || request.url === '/readyz';
    response.writeHead(isHealth ? 200 : 404, { 'content-type': 'text/plain' }).end(isHealth ? 'ok' : 'not found\n');
  });
  const split = listen.lastIndexOf(':');
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject).listen(Number(listen.slice(split + 1)), listen.slice(0, split), resolve);
  });
  signal.addEventListener('abort', () => void server.close(), { once: true });
}
