import { request } from 'node:https';
import type { ChildProcess } from 'node:child_process';
import { join } from 'node:path';
import { spawn } from 'node:child_process';
import { widgetDefinition, widgetPath, widgetText } from './crd.ts';
import { awaitAnswer, freePort, openLab, serverFlags, stop, type Lab } from './lab.ts';
import { runLoad, type LoadResult } from './load.ts';
import { cpuSecondsOf, measurement, percentile, type Bench, type BenchOptions } from './measurement.ts';

const connectionCounts = [1, 16, 64, 256] as const;
const bench = 'api';

interface Server {
  readonly url: string;
  readonly pid: number;
  readonly process: ChildProcess;
}

/** Creates, list and watch fan-out of the API server, against a server that does TLS, JSON and one etcd transaction. */
export const apiBench: Bench = async (options) => {
  const lab = await openLab();
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

interface Cost extends LoadResult {
  readonly cpuMsEach: number;
}

async function measureCreates(
  lab: Lab,
  server: Server,
  connections: number,
  options: { readonly path: string; readonly count: number },
): Promise<Cost> {
  const post = { url: server.url, tls: lab.admin, connections, method: 'POST' };
  const prefix = `c${connections}`;
  const make = (n: number) => ({ path: options.path, body: widgetText(`${prefix}-${n}`) });
  await runLoad({ ...post, requests: Math.min(200, options.count), make: (n) => make(n + 1_000_000) });
  const before = cpuSecondsOf(server.pid);
  const result = await runLoad({ ...post, requests: options.count, make });
  return { ...result, cpuMsEach: ((cpuSecondsOf(server.pid) - before) * 1000) / options.count };
}

async function creates(lab: Lab, options: BenchOptions): Promise<void> {
  const count = options.quick ? 300 : 4000;
  const measured = new Map<string, Cost>();
  for (const [name, start, path] of [
    ['bare', startBare, '/bare'],
    ['ours', startOurs, widgetPath],
  ] as const) {
    await lab.freshEtcd();
    const server = await start(lab);
    for (const connections of connectionCounts) {
      options.note(`${name}: ${count} creates over ${connections} connections`);
      const requests = connections === 1 ? Math.ceil(count / 4) : count;
      measured.set(`${name}-${connections}`, await measureCreates(lab, server, connections, { path, count: requests }));
    }
    await stop(server.process);
  }
  for (const connections of connectionCounts) {
    const [ours, bare] = [measured.get(`ours-${connections}`), measured.get(`bare-${connections}`)];
    if (ours === undefined || bare === undefined) continue;
    options.report(
      measurement(
        {
          bench,
          measure: `creates at ${connections} connections`,
          value: ours.perSecond,
          reference: bare.perSecond,
          unit: '/s',
        },
        { atLeast: 0.75 },
      ),
    );
    options.report(
      measurement({
        bench,
        measure: `server CPU per create at ${connections} connections`,
        value: ours.cpuMsEach,
        reference: bare.cpuMsEach,
        unit: 'ms',
      }),
    );
    options.report(
      measurement({
        bench,
        measure: `p99 of a create at ${connections} connections`,
        value: percentile(ours.latenciesMs, 0.99),
        unit: 'ms',
      }),
    );
  }
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
  const cost = async (server: Server, path: string): Promise<number> => {
    const get = { url: server.url, tls: lab.admin, connections: 1, method: 'GET', make: () => ({ path }) };
    await runLoad({ ...get, requests: 2 });
    const before = cpuSecondsOf(server.pid);
    await runLoad({ ...get, requests: rounds });
    return ((cpuSecondsOf(server.pid) - before) * 1000) / rounds;
  };
  const [value, reference] = [await cost(ours, widgetPath), await cost(bare, `/bytes?size=${sizeBytes}`)];
  const measure = `CPU of a list of ${count} objects (${Math.round(sizeBytes / 1024)} KiB)`;
  options.report(measurement({ bench, measure, value, reference, unit: 'ms' }, { atMost: 1.5 }));
  await stop(bare.process);
  await stop(ours.process);
}

function bodySize(lab: Lab, url: string): Promise<number> {
  return new Promise((resolve, reject) => {
    let size = 0;
    request(url, { ...lab.admin }, (answer) => {
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
  const sentAt = new Map<string, number>();
  const latenciesMs: number[] = [];
  const requests = Array.from({ length: watchers }, () =>
    openWatch(lab, `${server.url}${widgetPath}?watch=true&allowWatchBookmarks=true`, (text) => {
      for (const [, name = ''] of text.matchAll(/"name":"(w-\d+)"/g)) {
        const at = sentAt.get(name);
        if (at !== undefined) latenciesMs.push(performance.now() - at);
      }
    }),
  );
  const streams = await Promise.all(requests);
  const before = cpuSecondsOf(server.pid);
  for (let n = 0; n < events; n++) {
    sentAt.set(`w-${n}`, performance.now());
    const make = () => ({ path: widgetPath, body: widgetText(`w-${n}`) });
    await runLoad({ url: server.url, tls: lab.admin, connections: 1, requests: 1, method: 'POST', make });
    await new Promise((resolve) => setTimeout(resolve, everyMs));
  }
  const cpuMs = ((cpuSecondsOf(server.pid) - before) * 1000) / events;
  for (const close of streams) close();
  const measure = `of ${latenciesMs.length} events to ${watchers} watchers`;
  options.report(measurement({ bench, measure: `p50 ${measure}`, value: percentile(latenciesMs, 0.5), unit: 'ms' }));
  options.report(
    measurement(
      { bench, measure: `p99 ${measure}`, value: percentile(latenciesMs, 0.99), unit: 'ms' },
      { atMost: 100 },
    ),
  );
  options.report(measurement({ bench, measure: `CPU of one event to ${watchers} watchers`, value: cpuMs, unit: 'ms' }));
  await stop(server.process);
}

/** Resolves when the server has begun to answer; the function ends the stream. */
function openWatch(lab: Lab, url: string, onText: (text: string) => void): Promise<() => void> {
  return new Promise((resolve, reject) => {
    const sent = request(url, { ...lab.admin, agent: false }, (answer) => {
      answer
        .setEncoding('utf8')
        .on('data', onText)
        .on('error', () => undefined);
      resolve(() => sent.destroy());
    });
    sent.on('error', reject).end();
  });
}
