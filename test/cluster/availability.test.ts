import { setTimeout as delay } from 'node:timers/promises';
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import t from 'tap';
import { startEtcdCluster } from '#test/lab/etcd-cluster.ts';
import type { LabAnswer, LabApi, LabRequest } from '#test/lab/lab-api.ts';
import { patienceMs } from '#test/lab/patience.ts';
import { replicasOn } from '#test/lab/replicas.ts';

const etcd = await startEtcdCluster();
const replicas = await replicasOn({ ...etcd, tls: etcd.tls.client }, 2);
const apis = replicas.map(({ api }) => api);
t.teardown(async () => {
  for (const { api, server, controller } of replicas) {
    await Promise.all([server.kill(), controller.kill()]);
    api.close();
  }
  await etcd.stop();
});
for (const { server } of replicas) server.start();
for (const api of apis)
  await until(async () => (await ask(api, 'GET', '/readyz')).status === 200, 'a server to be ready');

const counters = '/api/v1/namespaces/default/configmaps';

/** An answer within three seconds; status 0 when there was none. */
async function ask(api: LabApi, method: string, path: string, options: LabRequest = {}): Promise<LabAnswer> {
  const none = { status: 0, headers: {}, text: '', body: undefined };
  return api.request(method, path, { ...options, signal: AbortSignal.timeout(3_000) }).catch(() => none);
}

function anyApi(): LabApi {
  const api = apis[Math.floor(Math.random() * apis.length)];
  if (api === undefined) throw new Error('there are no servers');
  return api;
}

async function until(isSo: () => boolean | Promise<boolean>, what: string): Promise<number> {
  const begunAt = performance.now();
  while (!(await isSo())) {
    if (performance.now() - begunAt > patienceMs) throw new Error(`waited ${patienceMs} ms for ${what}`);
    await delay(20);
  }
  return performance.now() - begunAt;
}

/** Counts up one ConfigMap over whichever server answers, and notes what was confirmed and what was read. */
class Counter {
  readonly path: string;
  confirmed = 0;
  readonly stale: string[] = [];
  readonly #name: string;

  constructor(name: string) {
    this.#name = name;
    this.path = `${counters}/${name}`;
  }

  async countUp(): Promise<void> {
    const before = this.confirmed;
    const found = await ask(anyApi(), 'GET', this.path);
    if (found.status === 404 && before === 0) return this.#create();
    if (found.status !== 200) return;
    const value = Number(found.body.data.count);
    if (value < before) this.stale.push(`${this.#name}: ${value} was read after ${before} was confirmed`);
    const next = { ...found.body, data: { count: String(value + 1) } };
    const written = await ask(anyApi(), 'PUT', this.path, { body: next });
    if (written.status === 200) this.confirmed = value + 1;
  }

  async #create(): Promise<void> {
    const body = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: this.#name }, data: { count: '1' } };
    const { status } = await ask(anyApi(), 'POST', counters, { body });
    if (status === 201) this.confirmed = 1;
  }
}

/** Follows all counters over one server and, when that ends, over the next, from the last version it was told of. */
class Follower {
  readonly told = new Map<string, number[]>();
  readonly faults: string[] = [];
  resumed = -1;
  #isOver = false;
  #turn: number;
  #version: string;

  constructor(version: string, turn: number) {
    this.#version = version;
    this.#turn = turn;
  }

  async follow(): Promise<void> {
    while (!this.#isOver) {
      const api = apis[this.#turn++ % apis.length];
      this.resumed++;
      await this.#watchOnce(api).catch(() => delay(50));
    }
  }

  end(): void {
    this.#isOver = true;
  }

  async #watchOnce(api: LabApi | undefined): Promise<void> {
    const path = `${counters}?watch=true&resourceVersion=${this.#version}`;
    const stuck = AbortSignal.timeout(6_000);
    const watch = await api?.watch(path, { signal: stuck });
    if (watch === undefined) return;
    let read = 0;
    let isOpen = true;
    void watch.ended.then(() => (isOpen = false));
    while ((isOpen || read < watch.events.length) && !this.#isOver) {
      for (; read < watch.events.length; read++) this.#take(watch.events[read]);
      await delay(10);
    }
    watch.close();
  }

  // oxlint-disable-next-line typescript/no-explicit-any -- an event as it came
  #take({ type, object }: any): void {
    if (type === 'ERROR') return void this.faults.push(JSON.stringify(object));
    this.#version = object.metadata.resourceVersion;
    const { name } = object.metadata;
    const values = this.told.get(name) ?? [];
    values.push(Number(object.data?.count));
    this.told.set(name, values);
  }
}

await t.test(
  'whichever server or etcd member fails under load, nothing confirmed is lost, no read is old, no change is missed or told twice',
  async (each) => {
    const start = await answerOf([apis[0] as LabApi], 'GET', counters);
    const lines = Array.from({ length: 6 }, (_, index) => new Counter(`count-${index}`));
    const followers = [0, 1].map((turn) => new Follower(start.body.metadata.resourceVersion, turn));
    let isOver = false;
    const load = Promise.all(
      lines.map(async (line) => {
        while (!isOver) await line.countUp();
      }),
    );
    const following = Promise.all(followers.map((follower) => follower.follow()));
    const goesOn = async (what: string): Promise<void> => {
      const before = lines.map(({ confirmed }) => confirmed);
      await until(() => lines.every(({ confirmed }, at) => confirmed > (before[at] ?? 0) + 1), what);
      each.pass(what);
    };
    await goesOn('all are written');
    const servers = replicas.flatMap(({ server }, at) => [
      [`server ${at} is killed`, server.kill, server.start],
      [`server ${at} stands still`, server.pause, server.resume],
    ]);
    const members = etcd.members.flatMap((member, at) => [
      [`etcd member ${at} is killed`, member.kill, member.start],
      [`etcd member ${at} stands still`, member.pause, member.resume],
      [`etcd member ${at} is cut off from the others`, () => etcd.isolate(at), () => etcd.isolate(undefined)],
    ]);
    for (const [what, begin, end] of [...servers, ...members] as [string, () => unknown, () => unknown][]) {
      await begin();
      await goesOn(what);
      await end();
      await goesOn(`${what}, and is back`);
    }
    isOver = true;
    await load;
    const { body: list } = await answerOf([apis[1] as LabApi], 'GET', counters);
    const counts = new Map<string, number>(
      // oxlint-disable-next-line typescript/no-explicit-any -- an item as it came
      list.items.map((item: any) => [item.metadata.name, Number(item.data.count)]),
    );
    const hasAll = (follower: Follower): boolean =>
      lines.every((_, at) => follower.told.get(`count-${at}`)?.at(-1) === counts.get(`count-${at}`));
    await until(() => followers.every(hasAll), 'the followers to be told everything');
    for (const follower of followers) follower.end();
    await following;
    for (const [at, line] of lines.entries()) {
      const count = counts.get(`count-${at}`) ?? 0;
      each.ok(count >= line.confirmed, `count-${at} stands at ${count}, ${line.confirmed} was confirmed`);
      each.same(line.stale, []);
      const expected = Array.from({ length: count }, (_, n) => n + 1);
      for (const follower of followers) each.same(follower.told.get(`count-${at}`), expected, 'each change once');
    }
    each.same(
      followers.flatMap(({ faults }) => faults),
      [],
    );
    each.ok(
      followers.every(({ resumed }) => resumed > 0),
      'followers had to go on elsewhere',
    );
  },
);

await t.test(
  'another controller leads within forty seconds of the last word of one that failed, or lost its server',
  async (each) => {
    const [first] = apis as [LabApi];
    const wcpd = join(import.meta.dirname, '../../runtime/cmd/wcpd.ts');
    const manifests = join(import.meta.dirname, '../../manifests');
    const define = ['define', '--kubeconfig', first.kubeconfig, '--host-name', 'none', '--manifests', manifests];
    await promisify(execFile)(process.execPath, [wcpd, ...define]);
    for (const { controller } of replicas) controller.start();
    const lease = async () =>
      (await askAny('GET', '/apis/coordination.k8s.io/v1/namespaces/wcp360-system/leases/wcpd-controller')).body?.spec;
    const leads = async (): Promise<number> => replicas.findIndex((_, at) => `replica-${at}` === leader);
    let leader = '';
    await until(async () => (leader = (await lease())?.holderIdentity ?? '') !== '', 'a leader');
    for (const what of ['controller', 'server'] as const) {
      const failing = replicas[await leads()];
      await failing?.[what].kill();
      const last = await lease();
      await until(
        async () => (await lease())?.holderIdentity !== leader,
        `another leader after the ${what} was killed`,
      );
      const next = await lease();
      leader = next.holderIdentity;
      const silentMs = Date.parse(next.acquireTime) - Date.parse(last.renewTime);
      each.ok(silentMs <= 40_000, `${silentMs} ms after the last word of a leader whose ${what} was killed`);
      const name = `after-${what}`;
      const tenant = {
        apiVersion: 'hosting.wcp360.io/v1alpha1',
        kind: 'Tenant',
        metadata: { name },
        spec: { packageRef: { name: 'default' } },
      };
      const { status } = await askAny('POST', '/apis/hosting.wcp360.io/v1alpha1/tenants', { body: tenant });
      each.ok([201, 409].includes(status), `${status}: it is there, by this request or by one whose answer was lost`);
      await until(
        async () => (await askAny('GET', `/api/v1/namespaces/${name}`)).status === 200,
        `${name} to be served`,
      );
      failing?.[what].start();
    }
  },
);

/** Of the first server that answers, be it later. */
async function askAny(method: string, path: string, options: LabRequest = {}): Promise<LabAnswer> {
  return await answerOf(apis, method, path, options);
}

async function answerOf(
  servers: readonly LabApi[],
  ...[method, path, options]: readonly [method: string, path: string, options?: LabRequest]
): Promise<LabAnswer> {
  for (const end = performance.now() + patienceMs; performance.now() < end; await delay(20)) {
    for (const api of servers) {
      const answer = await ask(api, method, path, options);
      if (answer.status !== 0 && answer.status < 500) return answer;
    }
  }
  throw new Error('no server answers');
}
