import { mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
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

void t.test('an agent whose root is no directory says how to make one', async (t) => {
  const directory = await mkdtemp(join(tmpdir(), 'wcp360-cmd-'));
  t.teardown(() => rm(directory, { recursive: true }));
  const [kubeconfig, link] = [join(directory, 'kubeconfig'), join(directory, 'link')];
  const clusters = [{ name: 'it', cluster: { server: 'https://127.0.0.1:1' } }];
  const contexts = [{ name: 'it', context: { cluster: 'it', user: 'it' } }];
  const users = [{ name: 'it', user: { token: 'words' } }];
  await writeFile(kubeconfig, JSON.stringify({ clusters, contexts, users, 'current-context': 'it' }));
  await symlink(directory, link);
  const roots = [join(directory, 'missing'), join(kubeconfig, 'below'), kubeconfig, link];
  const told = async (root: string): Promise<void> => {
    const flags = ['--host-name', 'web1', '--kubeconfig', kubeconfig, '--metrics-listen=', '--root', root];
    const ended = await run([process.execPath, wcpd, 'agent', ...flags]);
    t.match(ended, { exitCode: 1, stderr: `wcpd agent: there is no directory "${root}"; make it (install` }, root);
  };
  await Promise.all(roots.map(told));
});
