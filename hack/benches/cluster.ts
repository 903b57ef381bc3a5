import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { request } from 'node:https';
import { join } from 'node:path';
import { startEtcd } from '#test/lab/etcd.ts';
import { freePort } from '#test/lab/free-port.ts';
import { apiServerFlags } from '#test/lab/kubernetes.ts';
import { kubernetesDirectory, noKubernetes } from '#test/lab/kubernetes-programs.ts';
import { createLabAuthority } from '#test/lab/pki.ts';
import { widgetDefinition, widgetPath, widgetText } from './crd.ts';
import { awaitAnswer, openLab, serverFlags, stop, type Lab } from './lab.ts';
import { openClient, runLoad } from './load.ts';
import {
  cpuSecondsOf,
  measurement,
  memoryBytesOf,
  percentile,
  type Bench,
  type BenchOptions,
  type Measurement,
} from './measurement.ts';
import { openWatchers } from './watchers.ts';

const bench = 'cluster';
const definitions = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions';

interface Sizes {
  /** Of one round. */
  readonly creates: number;
  /** Rounds that do not count: the first thousands of creates of a server cost more until its code is compiled for them. */
  readonly warmUps: number;
  readonly rounds: number;
  readonly objects: number;
  readonly watchers: number;
  readonly events: number;
  /** Rounds of those. */
  readonly fanOuts: number;
}

/** An API server on a store of its own, and what it took. */
interface Contender extends Pick<Lab, 'admin'> {
  readonly url: string;
  readonly figures: Map<string, number>;
  /** Present while it runs. */
  process: ChildProcess | undefined;
  start(): ChildProcess;
}

type Part = 'creates' | 'objects';

/**
 * Our server and a kube-apiserver, each on the etcd that it comes with, side by side in one run; the figure of kube-apiserver is the reference.
 * `objects` is all that is measured with many objects there.
 */
export function clusterBench(...parts: readonly Part[]): Bench {
  return async (options) => {
    const programs = kubernetesDirectory();
    if (programs === undefined) throw new Error(noKubernetes);
    const sizes: Sizes = options.quick
      ? { creates: 200, warmUps: 1, rounds: 2, objects: 2_000, watchers: 100, events: 20, fanOuts: 1 }
      : { creates: 1_000, warmUps: 8, rounds: 6, objects: 100_000, watchers: 1_000, events: 150, fanOuts: 7 };
    const lab = await openLab(options.profileInto);
    const kubernetes = await openKubernetes(programs);
    const contenders = [await ours(lab), kubernetes.contender] as const;
    try {
      for (const contender of contenders) await begin(contender);
      if (parts.includes('creates')) {
        await creates(contenders, sizes, options);
        reportCreates(contenders, options);
      }
      if (parts.includes('objects')) {
        for (const contender of contenders) await alone(contender, sizes, options);
        reportObjects(contenders, sizes, options);
      }
    } finally {
      await end(contenders[0]);
      await kubernetes.close();
      await lab.close();
    }
  };
}

async function ours(lab: Lab): Promise<Contender> {
  const port = await freePort();
  const start = (): ChildProcess => lab.start('server', serverFlags(lab, port));
  return { url: `https://127.0.0.1:${port}`, admin: lab.admin, figures: new Map(), process: undefined, start };
}

async function openKubernetes(programs: string) {
  const directory = await mkdtemp('/dev/shm/wcp360-bench-kubernetes-');
  const etcd = await startEtcd({ program: join(programs, 'etcd') });
  const authority = await createLabAuthority('bench');
  const admin = { ca: authority.ca, ...(await authority.client('admin', ['system:masters'])) };
  const port = await freePort();
  const flags = await apiServerFlags({ directory, authority, port, etcd: etcd.endpoint });
  const argv = Object.entries(flags).map(([name, value]) => `--${name}=${value}`);
  const start = (): ChildProcess => spawn(join(programs, 'kube-apiserver'), argv, { stdio: 'ignore' });
  const url = `https://127.0.0.1:${port}`;
  const contender: Contender = { url, admin, figures: new Map(), process: undefined, start };
  return {
    contender,
    close: async () => {
      contender.process?.kill('SIGKILL');
      await etcd.stop();
      await rm(directory, { recursive: true, force: true });
    },
  };
}

const pidOf = ({ process }: Contender): number => process?.pid ?? 0;

async function begin(contender: Contender): Promise<void> {
  contender.process = contender.start();
  await awaitAnswer(contender, contender.url, '/readyz');
  await awaitAnswer(contender, contender.url, '/api/v1/namespaces/default');
  const define = {
    method: 'POST',
    requests: 1,
    make: () => ({ path: definitions, body: JSON.stringify(widgetDefinition) }),
  };
  await runLoad({ url: contender.url, tls: contender.admin, connections: 1, ...define });
  await awaitAnswer(contender, contender.url, widgetPath);
}

const connections = 32;

/** In turns, so that whatever else the machine does meets both. */
async function creates(
  contenders: readonly Contender[],
  { creates: count, warmUps, rounds }: Sizes,
  options: BenchOptions,
): Promise<void> {
  options.note(`${warmUps} + ${rounds} rounds of ${count} creates over ${connections} connections`);
  const runs = contenders.map((contender) => ({
    contender,
    client: openClient({ url: contender.url, tls: contender.admin, connections }),
    cost: { seconds: 0, cpuSeconds: 0 },
  }));
  for (let round = 0; round < warmUps + rounds; round++) {
    for (const { contender, client, cost } of runs) {
      const before = cpuSecondsOf(pidOf(contender));
      const make = (n: number) => ({ path: widgetPath, body: widgetText(`c-${round}-${n}`) });
      const { seconds } = await client.run({ method: 'POST', requests: count, make });
      if (round < warmUps) continue;
      cost.seconds += seconds;
      cost.cpuSeconds += cpuSecondsOf(pidOf(contender)) - before;
    }
  }
  for (const { contender, client, cost } of runs) {
    client.close();
    contender.figures.set('creates', (rounds * count) / cost.seconds);
    contender.figures.set('create CPU', (cost.cpuSeconds * 1_000) / (rounds * count));
  }
}

/** What one does while the other rests. */
async function alone(contender: Contender, sizes: Sizes, options: BenchOptions): Promise<void> {
  const { url, admin, figures } = contender;
  options.note(`${sizes.objects} objects in ${url}`);
  const make = (n: number) => ({ path: widgetPath, body: widgetText(`o-${n}`) });
  await runLoad({ url, tls: admin, connections: 64, method: 'POST', requests: sizes.objects, make });
  figures.set('memory', memoryBytesOf(pidOf(contender)) / 2 ** 20);
  const list = await costOf(contender, widgetPath, 3);
  figures.set('list', list.ms);
  figures.set('list CPU', list.cpuMs);
  figures.set('selector', (await costOf(contender, `${widgetPath}?labelSelector=tier%3Dnone`, 10)).ms);
  await fanOut(contender, sizes);
  await restart(contender);
}

/** The best of a few over one connection, after one that warms up; CPU is the mean. */
async function costOf(
  contender: Contender,
  path: string,
  rounds: number,
): Promise<{ readonly ms: number; readonly cpuMs: number }> {
  const client = openClient({ url: contender.url, tls: contender.admin, connections: 1 });
  const get = { method: 'GET', make: () => ({ path }) };
  await client.run({ ...get, requests: 1 });
  const before = cpuSecondsOf(pidOf(contender));
  const { latenciesMs } = await client.run({ ...get, requests: rounds });
  client.close();
  return { ms: Math.min(...latenciesMs), cpuMs: ((cpuSecondsOf(pidOf(contender)) - before) * 1_000) / rounds };
}

const eventEveryMs = 20;

/** In rounds, each with new watchers: the middle one counts, since one pause of the machine is the p99 of a round. */
async function fanOut(contender: Contender, sizes: Sizes): Promise<void> {
  const rounds: Delivery[] = [];
  for (let round = 0; round < sizes.fanOuts; round++)
    rounds.push(await deliver(contender, sizes, round * sizes.events));
  contender.figures.set(
    'delivery p99',
    percentile(
      rounds.map(({ p99Ms }) => p99Ms),
      0.5,
    ),
  );
  contender.figures.set(
    'delivery CPU',
    percentile(
      rounds.map(({ cpuUs }) => cpuUs),
      0.5,
    ),
  );
}

interface Delivery {
  readonly p99Ms: number;
  /** Of the server, for each event to each watcher. */
  readonly cpuUs: number;
}

/** Creates `events` objects, numbered from `first`, while watchers of the collection look on. */
async function deliver(contender: Contender, { watchers, events }: Sizes, first: number): Promise<Delivery> {
  const { url, admin: tls } = contender;
  const path = `${widgetPath}?watch=true&resourceVersion=${await revisionOf(contender)}`;
  const told = await openWatchers({ url, path, tls, count: watchers });
  const client = openClient({ url, tls, connections: 8 });
  const before = cpuSecondsOf(pidOf(contender));
  for (let n = first; n < first + events; n++) {
    told.sent(`w-${n}`);
    void client.run({ method: 'POST', requests: 1, make: () => ({ path: widgetPath, body: widgetText(`w-${n}`) }) });
    await new Promise((resolve) => setTimeout(resolve, eventEveryMs));
  }
  const expected = events * watchers;
  for (const end = performance.now() + 10_000; told.deliveries < expected && performance.now() < end;)
    await new Promise((resolve) => setTimeout(resolve, eventEveryMs));
  if (told.deliveries < expected) throw new Error(`${told.deliveries} of ${expected} events arrived`);
  const cpuSeconds = cpuSecondsOf(pidOf(contender)) - before;
  told.close();
  client.close();
  return { p99Ms: told.latencyMs(0.99), cpuUs: (cpuSeconds * 1_000_000) / expected };
}

async function revisionOf({ url, admin }: Contender): Promise<string> {
  return await new Promise((resolve, reject) => {
    request(`${url}${widgetPath}?limit=1`, { ...admin, servername: '', agent: false }, (answer) => {
      let text = '';
      answer.setEncoding('utf8').on('data', (part: string) => (text += part));
      answer.on('end', () =>
        resolve((JSON.parse(text) as { metadata: { resourceVersion: string } }).metadata.resourceVersion),
      );
    })
      .on('error', reject)
      .end();
  });
}

/** From the start of the process until the whole list has been read. */
async function restart(contender: Contender): Promise<void> {
  await end(contender);
  const startedAt = performance.now();
  contender.process = contender.start();
  // A kube-apiserver that is ready may still answer 429 for kinds whose cache it fills.
  await awaitAnswer(contender, contender.url, widgetPath);
  contender.figures.set('start', performance.now() - startedAt);
  await end(contender);
}

async function end(contender: Contender): Promise<void> {
  if (contender.process !== undefined) await stop(contender.process);
  contender.process = undefined;
}

type Goal = Parameters<typeof measurement>[1];
type Contenders = readonly [own: Contender, kubernetes: Contender];

function rowsInto(options: BenchOptions, contenders: Contenders) {
  return (figure: string, text: Pick<Measurement, 'measure' | 'unit'>, goal: Goal): void => {
    const [value = Number.NaN, reference = Number.NaN] = contenders.map(({ figures }) => figures.get(figure));
    options.report(measurement({ bench, ...text, value, reference }, goal));
  };
}

function reportCreates(contenders: Contenders, options: BenchOptions): void {
  const row = rowsInto(options, contenders);
  row('creates', { measure: `creates at ${connections} connections`, unit: '/s' }, { atLeast: 2 });
  row('create CPU', { measure: 'server CPU per create', unit: 'ms' }, { atMost: 0.35 });
}

function reportObjects(contenders: Contenders, { objects, watchers }: Sizes, options: BenchOptions): void {
  const row = rowsInto(options, contenders);
  row('list CPU', { measure: `CPU of a list of ${objects} objects`, unit: 'ms' }, { atMost: 0.15 });
  row('list', { measure: `time of a list of ${objects} objects`, unit: 'ms' }, { atMost: 0.2 });
  row('selector', { measure: `selector that selects none of ${objects}`, unit: 'ms' }, { atMost: 0.05 });
  row('memory', { measure: `memory with ${objects} objects`, unit: 'MiB' }, { atMost: 0.33 });
  row(
    'delivery p99',
    { measure: `p99 of an event to ${watchers} watchers, one each ${eventEveryMs} ms`, unit: 'ms' },
    { atMost: 1 },
  );
  row('delivery CPU', { measure: 'CPU per delivery', unit: 'µs' }, { atMost: 0.8 });
  row('start', { measure: `start to the first list of ${objects}`, unit: 'ms' }, { atMost: 0.25 });
}
