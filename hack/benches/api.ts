import { request } from 'node:https';
import type { ChildProcess } from 'node:child_process';
import { join } from 'node:path';
import { spawn } from 'node:child_process';
import { widgetDefinition, widgetPath, widgetText } from './crd.ts';
import { freePort } from '#test/lab/free-port.ts';
import { awaitAnswer, openLab, serverFlags, stop, type Lab } from './lab.ts';
import { openClient, runLoad } from './load.ts';
import { cpuSecondsOf, measurement, percentile, type Bench, type BenchOptions } from './measurement.ts';
import { openWatchers } from './watchers.ts';

const connectionCounts = [1, 16, 64, 256] as const;
const bench = 'api';

interface Server {
  readonly url: string;
  readonly pid: number;
  readonly process: ChildProcess;
}

/** Creates, list and watch fan-out of the API server, against a server that does TLS, JSON and one etcd transaction. */
export const apiBench: Bench = async (options) => {
  const lab = await openLab(options.profileInto);
  try {
    await creates(lab, options);
    await lists(lab, options);
    await fanOut(lab, options);
  } finally {
    await lab.close();
  }
};

async function startOurs(lab: Lab): Promise<Server> {
  const port = await freePort();
  const process = lab.start('server', serverFlags(lab, port));
  const url = `https://127.0.0.1:${port}`;
  await awaitAnswer(lab, url, '/readyz');
  const post = { url, tls: lab.admin, connections: 1, requests: 1, method: 'POST' };
  await runLoad({
    ...post,
    make: () => ({
      path: '/apis/apiextensions.k8s.io/v1/customresourcedefinitions',
      body: JSON.stringify(widgetDefinition),
    }),
  });
  await awaitAnswer(lab, url, widgetPath);
  return { url, pid: process.pid ?? 0, process };
}

async function startBare(lab: Lab): Promise<Server> {
  const port = await freePort();
  const script = join(import.meta.dirname, 'reference/bare-server.ts');
  const args = [script, `--port=${port}`, `--endpoint=${lab.etcd.endpoint}`, `--pki=${lab.pki.directory}`];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'ignore', 'inherit'] });
  const url = `https://127.0.0.1:${port}`;
  await awaitAnswer(lab, url, '/bytes?size=1');
  return { url, pid: child.pid ?? 0, process: child };
}

/** What a server took for creates, over all rounds. */
interface Cost {
  creates: number;
  seconds: number;
  cpuSeconds: number;
  readonly latenciesMs: number[];
}

interface Contender {
  readonly name: string;
  readonly server: Server;
  readonly path: string;
}

/** Both servers on one etcd, in turns, so that whatever else the machine does meets both. */
async function creates(lab: Lab, options: BenchOptions): Promise<void> {
  const [perRound, rounds] = options.quick ? [100, 3] : [1000, 5];
  await lab.freshEtcd();
  const contenders: readonly Contender[] = [
    { name: 'bare', server: await startBare(lab), path: '/bare' },
    { name: 'ours', server: await startOurs(lab), path: widgetPath },
  ];
  for (const connections of connectionCounts) {
    const creates = connections === 1 ? Math.ceil(perRound / 4) : perRound;
    options.note(`${rounds} rounds of ${creates} creates over ${connections} connections`);
    const [bare, ours] = await costsOf(lab, contenders, { connections, creates, rounds });
    if (ours !== undefined && bare !== undefined) reportCreates(options, connections, { ours, bare });
  }
  for (const { server } of contenders) await stop(server.process);
}

async function costsOf(
  lab: Lab,
  contenders: readonly Contender[],
  { connections, creates, rounds }: { readonly connections: number; readonly creates: number; readonly rounds: number },
): Promise<readonly Cost[]> {
  const runs = contenders.map((contender) => {
    const { server, path } = contender;
    const client = openClient({ url: server.url, tls: lab.admin, connections });
    const cost: Cost = { creates: 0, seconds: 0, cpuSeconds: 0, latenciesMs: [] };
    const make = (round: number) => (n: number) => ({ path, body: widgetText(`c${connections}-${round}-${n}`) });
    return { server, client, cost, make };
  });
  for (const { client, make } of runs)
    await client.run({ method: 'POST', requests: Math.max(connections, 200), make: make(0) });
  for (let round = 1; round <= rounds; round++) {
    for (const { server, client, cost, make } of runs) {
      const before = cpuSecondsOf(server.pid);
      const result = await client.run({ method: 'POST', requests: creates, make: make(round) });
      cost.cpuSeconds += cpuSecondsOf(server.pid) - before;
      cost.creates += creates;
      cost.seconds += result.seconds;
      cost.latenciesMs.push(...result.latenciesMs);
    }
  }
  for (const { client } of runs) client.close();
  return runs.map(({ cost }) => cost);
}

function reportCreates(
  options: BenchOptions,
  connections: number,
  { ours, bare }: { readonly ours: Cost; readonly bare: Cost },
): void {
  const at = `at ${connections} connections`;
  const row = (measure: string, unit: string, figure: (cost: Cost) => number) => ({
    ...{ bench, measure: `${measure} ${at}`, unit },
    ...{ value: figure(ours), reference: figure(bare) },
  });
  options.report(
    measurement(
      row('creates', '/s', (cost) => cost.creates / cost.seconds),
      { atLeast: 0.75 },
    ),
  );
  options.report(measurement(row('server CPU per create', 'ms', (cost) => (cost.cpuSeconds * 1000) / cost.creates)));
  options.report(measurement(row('p99 of a create', 'ms', (cost) => percentile(cost.latenciesMs, 0.99))));
}

async function lists(lab: Lab, options: BenchOptions): Promise<void> {
  const count = options.quick ? 1000 : 10_000;
  const rounds = options.quick ? 3 : 10;
  await lab.freshEtcd();
  const [ours, bare] = [await startOurs(lab), await startBare(lab)];
  await runLoad({
    url: ours.url,
    tls: lab.admin,
    connections: 64,
    requests: count,
    method: 'POST',
    make: (n) => ({ path: widgetPath, body: widgetText(`l-${n}`) }),
  });
  const sizeBytes = await bodySize(lab, `${ours.url}${widgetPath}`);
  const contenders = [
    { server: ours, path: widgetPath, cpuMs: 0 },
    { server: bare, path: `/bytes?size=${sizeBytes}`, cpuMs: 0 },
  ];
  for (let round = 0; round <= rounds; round++) {
    for (const contender of contenders) {
      const cpuMs = await costOfLists(lab, contender);
      // The first round warms up.
      if (round > 0) contender.cpuMs += cpuMs / rounds;
    }
  }
  const [value = 0, reference = 0] = contenders.map(({ cpuMs }) => cpuMs);
  const measure = `CPU of a list of ${count} objects (${Math.round(sizeBytes / 1024)} KiB)`;
  options.report(measurement({ bench, measure, value, reference, unit: 'ms' }, { atMost: 1.5 }));
  await stop(bare.process);
  await stop(ours.process);
}

const listsInRound = 4;

/** CPU of one list, in milliseconds. */
async function costOfLists(
  lab: Lab,
  { server, path }: { readonly server: Server; readonly path: string },
): Promise<number> {
  const before = cpuSecondsOf(server.pid);
  const get = { url: server.url, tls: lab.admin, connections: 1, method: 'GET', make: () => ({ path }) };
  await runLoad({ ...get, requests: listsInRound });
  return ((cpuSecondsOf(server.pid) - before) * 1000) / listsInRound;
}

function bodySize(lab: Lab, url: string): Promise<number> {
  return new Promise((resolve, reject) => {
    let size = 0;
    request(url, { ...lab.admin, servername: '' }, (answer) => {
      answer.on('data', (part: Buffer) => (size += part.length)).on('end', () => resolve(size));
    })
      .on('error', reject)
      .end();
  });
}

/** Many watchers of one collection; how long after its write each event reaches each of them. */
async function fanOut(lab: Lab, options: BenchOptions): Promise<void> {
  const [watchers, events, everyMs] = options.quick ? [100, 10, 100] : [1000, 50, 100];
  await lab.freshEtcd();
  const server = await startOurs(lab);
  const path = `${widgetPath}?watch=true&allowWatchBookmarks=true`;
  const told = await openWatchers({ url: server.url, path, tls: lab.admin, count: watchers });
  const before = cpuSecondsOf(server.pid);
  for (let n = 0; n < events; n++) {
    told.sent(`w-${n}`);
    const make = () => ({ path: widgetPath, body: widgetText(`w-${n}`) });
    await runLoad({ url: server.url, tls: lab.admin, connections: 1, requests: 1, method: 'POST', make });
    await new Promise((resolve) => setTimeout(resolve, everyMs));
  }
  const cpuMs = ((cpuSecondsOf(server.pid) - before) * 1000) / events;
  told.close();
  const measure = `of ${told.deliveries} events to ${watchers} watchers`;
  options.report(measurement({ bench, measure: `p50 ${measure}`, value: told.latencyMs(0.5), unit: 'ms' }));
  options.report(
    measurement({ bench, measure: `p99 ${measure}`, value: told.latencyMs(0.99), unit: 'ms' }, { atMost: 100 }),
  );
  options.report(measurement({ bench, measure: `CPU of one event to ${watchers} watchers`, value: cpuMs, unit: 'ms' }));
  await stop(server.process);
}
