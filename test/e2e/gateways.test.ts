import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import t from 'tap';
import type { ResourceType } from '#runtime/client/client.ts';
import { commandIn, runRemote } from '#runtime/streams/run-remote.ts';
import { SYSTEM_NAMESPACE } from '#schemas/meta/names.ts';
import { STREAMS } from '#schemas/meta/streams.ts';
import { freePort } from '#test/lab/free-port.ts';
import { startInstance, until } from '#test/lab/instance.ts';
import { memoryDirectory } from '#test/lab/memory-directory.ts';
import { patienceMs } from '#test/lab/patience.ts';
import { labProcess } from '#test/lab/process.ts';
import { startTcpProxy } from '#test/lab/tcp-proxy.ts';
import { aDomain, declareStaticSite, declareTenant } from '#test/lab/tenants.ts';
import { conditionOf } from '#test/lab/widgets.ts';

// Two controllers, each with a gateway, behind one Service. Its address is another one of loopback, at the port that the APIService names.

t.setTimeout(400_000);

const serviceAddress = '127.0.0.2';
const serviceType: ResourceType = { group: '', version: 'v1', resource: 'services', kind: 'Service', namespaced: true };
const apiServiceType: ResourceType = {
  group: 'apiregistration.k8s.io',
  version: 'v1',
  resource: 'apiservices',
  kind: 'APIService',
  namespaced: false,
};
const apiService = { name: `${STREAMS.version}.${STREAMS.group}` };
/** How long a cluster takes until it sends nothing more to a pod that died. */
const endpointDelayMs = 3_000;

const instance = await startInstance();
const work = await mkdtemp(join(await memoryDirectory(), 'wcp360-gateway-'));
const one = instance.ports.stream;
let endpoints = [one];
/** As kube-proxy does: each connection goes to one of the endpoints, whichever, and nobody looks whether that one lives. */
const balancer = await startTcpProxy(() => endpoints[Math.floor(Math.random() * endpoints.length)] ?? one, {
  host: serviceAddress,
  port: one,
});
const two = await freePort();
const health = await freePort();
const second = labProcess(process.execPath, [
  ...[join(instance.directory, 'lib/programs/wcpd.mjs'), 'controller', '--kubeconfig', instance.kubeconfig],
  ...['--stream-listen', `127.0.0.1:${two}`, '--stream-service-port', String(one)],
  ...['--metrics-listen', `127.0.0.1:${health}`, '--work-directory', work],
]);
t.teardown(async () => {
  await second.kill();
  await balancer.close();
  await instance.stop();
  await rm(work, { recursive: true });
});
const client = await instance.client();

async function told(path: 'readyz' | 'metrics'): Promise<string | undefined> {
  const answer = await fetch(`http://127.0.0.1:${health}/${path}`);
  return answer.ok ? await answer.text() : undefined;
}

/** As a cluster does: a pod that is ready gets its share of connections. */
async function startSecond(): Promise<void> {
  second.start();
  await until(() => told('readyz'), 'the second controller to be ready');
  endpoints = [one, two];
}

const hasBoth = async (): Promise<boolean> => /^wcp360_streams_attached_agents 1$/m.test((await told('metrics')) ?? '');

/** Runs a program in the site of the tenant. */
async function runs(...command: readonly string[]): Promise<number> {
  return await runsTo(new PassThrough().resume(), ...command);
}

async function runsTo(stdout: PassThrough, ...command: readonly string[]): Promise<number> {
  const output = { stdout, stderr: new PassThrough().resume() };
  const signal = AbortSignal.timeout(patienceMs);
  return await runRemote(client, { ...commandIn({ namespace: 'acme', name: 'shop' }, command), ...output, signal });
}

/** What was said to those who asked for a stream, one after the other, until `over`; nothing when all were served. */
async function refusals(
  over: Promise<unknown>,
): Promise<{ readonly asked: number; readonly refused: readonly string[] }> {
  let isOver = false;
  void over.finally(() => (isOver = true)).catch(() => undefined);
  const refused: string[] = [];
  let asked = 0;
  for (; !isOver; asked += 1) {
    await runs('true').catch((err: unknown) => refused.push(String(err)));
    await delay(50);
  }
  await over;
  return { asked, refused };
}

/** Whether the API was announced all the while, and never said to be away. */
async function availability(over: Promise<unknown>): Promise<readonly string[]> {
  const seen = new Set<string>();
  let isOver = false;
  void over.finally(() => (isOver = true)).catch(() => undefined);
  for (; !isOver; await delay(100)) {
    const { status, reason, message } = conditionOf(await client.get(apiServiceType, apiService), 'Available') ?? {};
    seen.add(status === 'True' ? 'available' : `${String(status)} ${String(reason)} ${String(message)}`);
  }
  return [...seen];
}

await t.test('the ground: a site, and a Service before the gateway of the instance', async (each) => {
  const body = { spec: { externalName: serviceAddress } };
  await client.patch(serviceType, { namespace: SYSTEM_NAMESPACE, name: STREAMS.service }, { type: 'merge', body });
  await declareTenant(client, 'acme');
  await declareStaticSite(instance, client, { domain: aDomain('acme', 'shop'), page: 'shop of acme' });
  await until(async () => (await runs('true')) === 0, 'the first stream');
  each.pass();
});

await t.test('a second gateway joins, and from the first moment on streams work whichever is asked', async (each) => {
  const joined = startSecond().then(async () => {
    const readyAt = performance.now();
    await until(hasBoth, 'the agent to dial to it, too');
    each.comment(`attached ${Math.round(performance.now() - readyAt)} ms after it was ready`);
    await delay(2_000);
  });
  const [{ asked, refused }, states] = await Promise.all([refusals(joined), availability(joined)]);
  each.same(refused, []);
  each.same(states, ['available']);
  each.comment(`${asked} streams`);
  for (const port of [one, two]) {
    endpoints = [port];
    for (let count = 0; count < 5; count += 1) each.equal(await runs('sh', '-c', 'exit 7'), 7);
  }
});

await t.test('one is killed: what goes by the other goes on, and so does the API', async (each) => {
  endpoints = [one];
  const said = new PassThrough();
  const shell = runsTo(said, 'sh', '-c', 'echo begun; sleep 8; exit 7');
  // Now it goes by the one that stays.
  await once(said, 'data');
  endpoints = [one, two];
  const killedAt = performance.now();
  await second.kill();
  const known = delay(endpointDelayMs).then(() => (endpoints = [one]));
  // Until all know that it is gone: its Lease stands still for twenty seconds first.
  const over = known.then(() => delay(30_000));
  const states = availability(over);
  const { refused: meanwhile } = await refusals(known);
  const { asked, refused } = await refusals(over);
  each.same(refused, [], `${asked} streams since the Service knows`);
  each.same(await states, ['available']);
  each.equal(await shell, 7);
  each.comment(`${meanwhile.length} refused within ${Math.round(endpointDelayMs)} ms: ${meanwhile[0] ?? ''}`);
  each.comment(`${asked} streams until ${Math.round(performance.now() - killedAt)} ms`);
});

await t.test('one that stops in order leaves the API to the other', async (each) => {
  await startSecond();
  await until(hasBoth, 'the agent to dial to it again');
  const uid = (await client.get(apiServiceType, apiService))?.metadata.uid;
  // A pod that is to end gets no new connections, and is told some seconds later.
  endpoints = [one];
  const over = second.stop().then(() => delay(5_000));
  const [{ asked, refused }, states] = await Promise.all([refusals(over), availability(over)]);
  each.same(refused, [], `${asked} streams`);
  each.same(states, ['available']);
  each.equal((await client.get(apiServiceType, apiService))?.metadata.uid, uid, 'it was never taken down');
});
