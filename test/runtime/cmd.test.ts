import { join } from 'node:path';
import t from 'tap';
import { serveMetrics } from '#runtime/cmd/serve-metrics.ts';
import { createMetrics } from '#runtime/telemetry/metrics.ts';
import { freePort } from '#test/lab/free-port.ts';
import { until } from '#test/lab/instance.ts';
import { run } from '#test/lab/run.ts';

const wcpd = join(import.meta.dirname, '../../runtime/cmd/wcpd.ts');

void t.test('a program lives from its start, and is ready once its caches are full', async (t) => {
  const [port, stop, filled] = [await freePort(), new AbortController(), Promise.withResolvers<void>()];
  const health = await serveMetrics(`[::1]:${port}`, createMetrics(), stop.signal);
  t.teardown(() => stop.abort());
  const status = async (path: string): Promise<number> => (await fetch(`http://[::1]:${port}${path}`)).status;
  health.readyAfter(filled.promise);
  t.same(
    [await status('/livez'), await status('/readyz'), await status('/metrics'), await status('/')],
    [200, 503, 200, 404],
  );
  filled.resolve();
  await t.resolves(until(async () => (await status('/readyz')) === 200, 'readiness'));
});

void t.test('a program whose caches cannot be filled lives on, and is not ready', async (t) => {
  const [port, stop] = [await freePort(), new AbortController()];
  const health = await serveMetrics(`127.0.0.1:${port}`, createMetrics(), stop.signal);
  t.teardown(() => stop.abort());
  health.readyAfter(Promise.reject(new Error('no caches')));
  t.equal((await fetch(`http://127.0.0.1:${port}/readyz`)).status, 503);
});

void t.test('a program that is told no server, and is in no pod, says so', async (t) => {
  const ended = await run([process.execPath, wcpd, 'controller']);
  t.match(ended, { exitCode: 1, stderr: /no pod of a Kubernetes.*--kubeconfig or WCPD_KUBECONFIG/ });
});
