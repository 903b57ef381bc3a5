import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { createServer as createHttpServer } from 'node:http';
import { createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { setTimeout as delay } from 'node:timers/promises';
import t from 'tap';
import { ApiError, HostError } from '#runtime/base/errors.ts';
import { startNameServer } from '#runtime/cmd/agent/start-name-server.ts';
import type { Client } from '#runtime/client/client.ts';
import { applyDefinitions } from '#runtime/cmd/instance/definitions.ts';
import { serveMetrics } from '#runtime/cmd/serve-metrics.ts';
import { silentLogger } from '#runtime/telemetry/logger.ts';
import { createMetrics } from '#runtime/telemetry/metrics.ts';
import { startLabServer } from '#test/lab/api-server.ts';
import { freePort } from '#test/lab/free-port.ts';
import { until } from '#test/lab/instance.ts';
import { dig } from '#test/lab/name-server.ts';
import { patienceMs } from '#test/lab/patience.ts';
import { run } from '#test/lab/run.ts';
import { labClient } from '#test/lab/widgets.ts';
import { machineOfTest } from '#test/runtime/host/machines.ts';

const wcpd = join(import.meta.dirname, '../../runtime/cmd/wcpd.ts');
const manifests = join(import.meta.dirname, '../../manifests');

function kubeconfigOf(server: string): string {
  const clusters = [{ name: 'it', cluster: { server } }];
  const contexts = [{ name: 'it', context: { cluster: 'it', user: 'it' } }];
  const users = [{ name: 'it', user: { token: 'words' } }];
  return JSON.stringify({ clusters, contexts, users, 'current-context': 'it' });
}

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

void t.test('a figure that cannot be read is an error of the scrape, and ends no program', async (t) => {
  const [port, stop, metrics] = [await freePort(), new AbortController(), createMetrics()];
  const read = (): number => {
    throw new Error('unreadable');
  };
  metrics.gauge({ name: 'broken', help: 'It breaks.', read });
  await serveMetrics(`127.0.0.1:${port}`, metrics, stop.signal);
  t.teardown(() => stop.abort());
  t.equal((await fetch(`http://127.0.0.1:${port}/metrics`, { signal: AbortSignal.timeout(patienceMs) })).status, 500);
});

void t.test('a program that is told no server, and is in no pod, says so', async (t) => {
  const ended = await run([process.execPath, wcpd, 'controller']);
  t.match(ended, { exitCode: 1, stderr: /no pod of a Kubernetes.*--kubeconfig or WCPD_KUBECONFIG/ });
});

void t.test('a controller that is stopped before its caches are filled ends in order', async (t) => {
  const directory = await mkdtemp(join(tmpdir(), 'wcp360-cmd-'));
  t.teardown(() => rm(directory, { recursive: true }));
  const leads = Promise.withResolvers<void>();
  const notFound = { kind: 'Status', code: 404, reason: 'NotFound', details: { name: 'it' } };
  // A server that lets it lead, at its leisure, and answers nothing else.
  const server = createHttpServer((request, response) => {
    if (request.url?.includes('/leases/') !== true && request.method === 'GET') return;
    const answer = async (): Promise<void> => {
      const body = await text(request);
      await delay(150);
      if (body !== '') leads.resolve();
      response.writeHead(body === '' ? 404 : 201, { 'content-type': 'application/json' });
      response.end(body === '' ? JSON.stringify(notFound) : body);
    };
    answer().catch(() => response.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.teardown(() => server.close().closeAllConnections());
  const kubeconfig = join(directory, 'kubeconfig');
  await writeFile(kubeconfig, kubeconfigOf(`http://127.0.0.1:${(server.address() as AddressInfo).port}`));
  const flags = ['--kubeconfig', kubeconfig, '--work-directory', directory, '--metrics-listen='];
  const child = spawn(process.execPath, [wcpd, 'controller', ...flags], { stdio: ['ignore', 'ignore', 'pipe'] });
  t.teardown(() => child.kill('SIGKILL'));
  const said = text(child.stderr);
  await leads.promise;
  child.kill('SIGTERM');
  t.same([await once(child, 'exit'), await said], [[0, null], '']);
});

void t.test('an agent whose root is no directory says how to make one', async (t) => {
  const directory = await mkdtemp(join(tmpdir(), 'wcp360-cmd-'));
  t.teardown(() => rm(directory, { recursive: true }));
  const [kubeconfig, link] = [join(directory, 'kubeconfig'), join(directory, 'link')];
  await writeFile(kubeconfig, kubeconfigOf('https://127.0.0.1:1'));
  await symlink(directory, link);
  const roots = [join(directory, 'missing'), join(kubeconfig, 'below'), kubeconfig, link];
  const told = async (root: string): Promise<void> => {
    const flags = ['--host-name', 'web1', '--kubeconfig', kubeconfig, '--metrics-listen=', '--root', root];
    const ended = await run([process.execPath, wcpd, 'agent', ...flags]);
    t.match(ended, { exitCode: 1, stderr: `wcpd agent: there is no directory "${root}"; make it (install` }, root);
  };
  await Promise.all(roots.map(told));
});

void t.test(
  'definitions are applied whole though the server fails meanwhile; what it refuses is told at once',
  async (t) => {
    const server = await startLabServer();
    const { client } = await labClient(server);
    t.teardown(async () => {
      await client.close();
      await server.stop();
    });
    /** Its third, sixth… write meets the next of these. */
    const failing = (failures: Error[]): Client => {
      let writes = 0;
      return {
        ...client,
        apply: async (...asked) => {
          const failure = ++writes % 3 === 0 ? failures.shift() : undefined;
          if (failure !== undefined) throw failure;
          return await client.apply(...asked);
        },
      };
    };
    const options = { manifests, hostName: 'web1' };
    const { signal } = new AbortController();
    const passing = [new HostError('the connection broke'), new ApiError(500, 'InternalError', 'no leader')];
    await applyDefinitions(failing(passing), options, signal);
    t.same(passing, [], 'both were met');
    const packages = { group: 'hosting.wcp360.io', version: 'v1alpha1', resource: 'packages', kind: 'Package' };
    t.ok(await client.get({ ...packages, namespaced: false }, { name: 'default' }));
    const refusal = new ApiError(403, 'Forbidden', 'you may not');
    await t.rejects(applyDefinitions(failing([refusal]), options, signal), refusal);
  },
);

void t.test('a name server that cannot start is there all the same, and starts once it can', async (t) => {
  const { machine, signal } = await machineOfTest(t);
  const [dnsPort, dnsApiPort] = [await freePort(), await freePort()];
  const other = createServer().listen(dnsPort, '127.0.0.1');
  t.teardown(() => other.close());
  const config = { root: machine.host.root, dnsAddresses: ['127.0.0.1'], dnsPort, dnsApiPort, dnsResolver: '' };
  const parts = { host: machine.host, log: silentLogger, signal };
  const ofHost = { dnsBackend: 'sqlite', dnsServer: '', dnsServerKeyFile: '' } as const;
  t.match(await startNameServer({ ...config, ...ofHost }, parts), { address: '127.0.0.1', port: dnsPort });
  await t.rejects(dig(dnsPort, ['version.bind', 'TXT']));
  other.close();
  await t.resolves(until(async () => await dig(dnsPort, ['version.bind', 'TXT']), 'it to answer'));
});
