import fc from 'fast-check';
import t, { type Test } from 'tap';
import { toCrd } from '#schemas/meta/crd.ts';
import type { KubeObject } from '#schemas/meta/object.ts';
import { kinds } from '#schemas/index.ts';
import { startLabServer } from '#test/lab/api-server.ts';
import { startKubernetes } from '#test/lab/kubernetes.ts';
import { kubernetesDirectory, noKubernetes } from '#test/lab/kubernetes-programs.ts';
import type { LabApi } from '#test/lab/lab-api.ts';
import { eventually } from '#test/lab/widgets.ts';
import { asked, compare, told } from './differential/compare.ts';
import { explanations, type Explanation } from './differential/explained.ts';
import { gadgetDefinition } from './differential/gadget.ts';
import { collectionPath, comparedKinds } from './differential/kinds.ts';
import { play } from './differential/play.ts';
import type { StreamRequest } from './differential/request.ts';
import { streams } from './differential/requests.ts';

// Our server answers as kube-apiserver does, whatever it is asked; where it does not, explained.ts says why.

const seedVariable = 'WCP360_DIFFERENTIAL_SEED';
const requestsVariable = 'WCP360_DIFFERENTIAL_REQUESTS';
/** What every run asks; `random` asks something else each time. */
const usualSeed = 2;
const seed = seedOf(process.env[seedVariable]);
const wantedRequests = Number(process.env[requestsVariable] ?? 2_000);
/** From so many on, every explanation is needed. */
const manyRequests = 20_000;
/** Streams that are played at once, each in a namespace of its own. */
const lanes = 6;
const requestsPerStream = 25;
/** A failing stream is made shorter for so long. */
const shrinkMs = 60_000;
const patienceMs = 30_000;

function seedOf(text: string | undefined): number {
  if (text === undefined) return usualSeed;
  return text === 'random' ? Math.floor(Math.random() * 2 ** 31) : Number(text);
}

/** The servers that are compared: `theirs` is right. */
interface Pair {
  readonly theirs: LabApi;
  readonly ours: LabApi;
}

/** What was seen in all streams. */
interface Tally {
  requests: number;
  succeeded: number;
  streams: number;
  readonly explained: Map<Explanation, number>;
}

function newTally(): Tally {
  return { requests: 0, succeeded: 0, streams: 0, explained: new Map() };
}

/** Serves the custom kinds that are compared. */
async function define(api: LabApi): Promise<void> {
  const definitions: readonly (KubeObject | typeof gadgetDefinition)[] = [...kinds.map(toCrd), gadgetDefinition];
  for (const body of definitions)
    await api.request('POST', '/apis/apiextensions.k8s.io/v1/customresourcedefinitions', { body });
  for (const kind of comparedKinds.filter(({ custom }) => custom)) {
    const isServed = async (): Promise<boolean> => (await api.request('GET', collectionPath(kind))).status === 200;
    await eventually(isServed, `${kind.kind} to be served`, patienceMs);
  }
}

/** Plays a stream on both servers; throws, for people to read, when they differ and nobody knows why. */
async function playBoth({ theirs, ours }: Pair, stream: readonly StreamRequest[], tally: Tally): Promise<void> {
  tally.streams += 1;
  const namespace = `s-${tally.streams}`;
  const [their, our] = await Promise.all([play(theirs, stream, namespace), play(ours, stream, namespace)]);
  const { explained, unexplained } = compare(stream, their, our);
  tally.requests += stream.length;
  tally.succeeded += their.filter(({ status }) => status < 300).length;
  for (const explanation of explained) tally.explained.set(explanation, (tally.explained.get(explanation) ?? 0) + 1);
  if (unexplained.length > 0) throw new Error(unexplained.map(told).join('\n'));
}

/** Plays random streams one after the other; the shortest that fails, or undefined. */
async function search(pair: Pair, tally: Tally, options: { readonly seed: number; readonly runs: number }) {
  let deadline = Number.POSITIVE_INFINITY;
  const property = fc.asyncProperty(streams, async (stream) => {
    // Whatever comes late passes, which ends the shrinking.
    if (performance.now() > deadline) return;
    try {
      await playBoth(pair, stream, tally);
    } catch (err) {
      deadline = Math.min(deadline, performance.now() + shrinkMs);
      throw err;
    }
  });
  const found = await fc.check(property, { seed: options.seed, numRuns: options.runs });
  if (!found.failed) return undefined;
  const [stream = []] = found.counterexample ?? [];
  return { stream, text: [...stream.map(asked), String(found.errorInstance)].join('\n') };
}

async function searchInLanes(test: Test, pair: Pair, tally: Tally): Promise<void> {
  const runs = Math.ceil(wantedRequests / requestsPerStream / lanes);
  const failures = await Promise.all(
    Array.from({ length: lanes }, (_, lane) => search(pair, tally, { seed: seed + lane, runs })),
  );
  for (const failure of failures) if (failure !== undefined) test.fail(failure.text);
}

const skip = kubernetesDirectory() === undefined ? noKubernetes : false;

void t.test('our server answers whatever it is asked as kube-apiserver does', { skip }, async (test) => {
  const [theirs, ours] = await Promise.all([startKubernetes(), startLabServer()]);
  test.teardown(async () => await Promise.all([theirs.stop(), ours.stop()]));
  await Promise.all([define(theirs), define(ours)]);
  test.comment(`${seedVariable}=${seed} asks the same again`);
  const tally = newTally();
  await searchInLanes(test, { theirs, ours }, tally);
  test.comment(`${tally.requests} requests in ${tally.streams} streams, ${tally.succeeded} succeeded`);
  test.ok(tally.requests >= wantedRequests * 0.9, `${tally.requests} requests`);
  if (tally.requests < manyRequests) return;
  for (const explanation of explanations) {
    const count = tally.explained.get(explanation) ?? 0;
    test.ok(count > 0, `explains ${count} differences: ${explanation.reason}`);
  }
});

/** A server that tells a lie about each object that it is asked for. */
function lying(api: LabApi): LabApi {
  return {
    ...api,
    request: async (method, path, options) => {
      const answer = await api.request(method, path, options);
      if (method !== 'GET' || answer.body?.metadata?.uid === undefined) return answer;
      return { ...answer, body: { ...answer.body, metadata: { ...answer.body.metadata, labels: { lie: 'yes' } } } };
    },
  };
}

void t.test('two servers of ours never differ, and one lie is found and told in its shortest form', async (test) => {
  const pair = { theirs: await startLabServer(), ours: await startLabServer() };
  test.teardown(async () => await Promise.all([pair.theirs.stop(), pair.ours.stop()]));
  await Promise.all([define(pair.theirs), define(pair.ours)]);
  const tally = newTally();
  const none = await search(pair, tally, { seed, runs: 60 });
  test.equal(none?.text, undefined, 'what a server chooses itself makes no difference');
  test.same([...tally.explained.keys()], [], 'and nothing had to be explained');
  const lie = await search({ ...pair, ours: lying(pair.ours) }, tally, { seed, runs: 200 });
  test.match(lie?.text, /labels.*lie/su, 'the lie is found');
  test.ok((lie?.stream.length ?? 0) <= 3, `in ${lie?.stream.length} requests: one makes an object, one asks for it`);
});
