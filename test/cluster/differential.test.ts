import fc from 'fast-check';
import t from 'tap';
import { toCrd } from '#schemas/meta/crd.ts';
import type { KubeObject } from '#schemas/meta/object.ts';
import { kinds } from '#schemas/index.ts';
import { startLabServer } from '#test/lab/api-server.ts';
import { startKubernetes } from '#test/lab/kubernetes.ts';
import { kubernetesDirectory, noKubernetes } from '#test/lab/kubernetes-programs.ts';
import type { LabApi } from '#test/lab/lab-api.ts';
import { eventually } from '#test/lab/widgets.ts';
import { told } from './differential/compare.ts';
import { controlledStreams } from './differential/controlled.ts';
import { definitionStreams } from './differential/definitions.ts';
import { configMap } from './differential/example.ts';
import { explanations } from './differential/explained.ts';
import type { Explanation, Finding } from './differential/explanation.ts';
import { tellingAllFull } from './differential/full-quotas.ts';
import { gadgetDefinition } from './differential/gadget.ts';
import { collectionPath, comparedKinds } from './differential/kinds.ts';
import { streams } from './differential/requests.ts';
import { Search } from './differential/search.ts';
import { agree, agreements, settle, settlements } from './differential/settle.ts';

// Our server answers as kube-apiserver does, whatever it is asked; where it does not, explained.ts says why.

const seedVariable = 'WCP360_DIFFERENTIAL_SEED';
const requestsVariable = 'WCP360_DIFFERENTIAL_REQUESTS';
/** What every run asks; `random` asks something else each time. */
const usualSeed = 2;
const seed = seedOf(process.env[seedVariable]);
const requests = Number(process.env[requestsVariable] ?? 2_000);
/** Streams that are played at once, each in a namespace of its own. */
const lanes = 6;
/** One request of so many is about a definition. */
const definitionsShare = 25;
const mixedStreams = fc.oneof({ arbitrary: streams, weight: 9 }, { arbitrary: controlledStreams, weight: 1 });

function seedOf(text: string | undefined): number {
  if (text === undefined) return usualSeed;
  return text === 'random' ? Math.floor(Math.random() * 2 ** 31) : Number(text);
}

/** Serves the custom kinds that are compared. */
async function define(api: LabApi): Promise<void> {
  const definitions: readonly (KubeObject | typeof gadgetDefinition)[] = [...kinds.map(toCrd), gadgetDefinition];
  for (const body of definitions)
    await api.request('POST', '/apis/apiextensions.k8s.io/v1/customresourcedefinitions', { body });
  for (const kind of comparedKinds.filter(({ custom }) => custom)) {
    const isServed = async (): Promise<boolean> => (await api.request('GET', collectionPath(kind))).status === 200;
    await eventually(isServed, `${kind.kind} to be served`);
  }
}

const skip = kubernetesDirectory() === undefined ? noKubernetes : false;

void t.test('our server answers whatever it is asked as kube-apiserver does', { skip }, async (test) => {
  const [theirs, ours] = await Promise.all([startKubernetes(), startLabServer()]);
  test.teardown(async () => await Promise.all([theirs.stop(), ours.stop()]));
  await Promise.all([define(theirs), define(ours)]);
  test.comment(`${seedVariable}=${seed} asks the same again`);
  const search = new Search({ theirs, ours });
  await search.run({ seed, requests, lanes, streams: mixedStreams });
  // Definitions that come and go make the controllers of Kubernetes pause, so that nobody else may wait for them.
  await search.run({ seed, requests: Math.ceil(requests / definitionsShare), lanes, streams: definitionStreams });
  test.comment(`${search.requests} requests in ${search.streams} streams`);
  for (const [signature, { seed: first, count, text }] of search.unexplained)
    test.fail(signature, { [seedVariable]: first, streams: count, shortest: text });
  await Promise.all(
    settlements.map(async (settlement, index) => {
      await Promise.all([theirs, ours].map(async (api) => await settle(api, settlement, `end-${index}`)));
      test.pass(settlement.name);
    }),
  );
  for (const [index, agreement] of agreements.entries()) {
    await agree([theirs, ours], agreement, `agree-${index}`);
    test.pass(agreement.name);
  }
  await Promise.all(
    explanations.map(async (explanation, index) => {
      const { explained, unexplained } = await search.show(explanation.example, `example-${index}`);
      test.same(unexplained.map(told), [], 'an example shows nothing new');
      const needsIt = explained.some(({ finding }) => isAlone(explanation, finding));
      test.ok(needsIt, `${explanation.reason} (${search.explained.get(explanation) ?? 0} differences of the stream)`);
    }),
  );
});

/** Whether no other explanation will do. */
function isAlone(explanation: Explanation, finding: Finding): boolean {
  return explanations.every((each) => (each === explanation) === each.matches(finding));
}

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
  const honest = new Search(pair);
  await honest.run({ seed, requests: 1_500, lanes, streams: mixedStreams });
  test.same([...honest.unexplained.keys()], [], 'what a server chooses itself makes no difference');
  test.same([...honest.explained.keys()], [], 'and nothing had to be explained');
  const search = new Search({ ...pair, ours: lying(pair.ours) }, 'lie');
  const liesIn = () => [...search.unexplained].filter(([signature]) => signature.startsWith('GET'));
  // A few streams may ask for nothing that is there.
  for (let round = 0; round < 10 && liesIn().length === 0; round += 1)
    await search.run({ seed: seed + round * 1_000, requests: 300, lanes: 1, streams });
  const lies = liesIn();
  test.ok(lies.length > 0, 'the lie is found');
  for (const [, { text, stream }] of lies) {
    test.match(text, /labels.*lie/su, 'and told');
    test.ok(stream.length <= 3, `in ${stream.length} requests: one makes an object, one asks for it`);
  }
});

void t.test('a quota that refuses stands for all that are full, but not one that has room', async (test) => {
  const api = await startLabServer();
  test.teardown(async () => await api.stop());
  const at = '/api/v1/namespaces/default';
  const limits = { a: { configmaps: 0, 'count/configmaps': 0 }, b: { 'count/configmaps': 0 }, c: { configmaps: 99 } };
  for (const [name, hard] of Object.entries(limits)) {
    const body = { apiVersion: 'v1', kind: 'ResourceQuota', metadata: { name }, spec: { hard } };
    await api.request('POST', `${at}/resourcequotas`, { body });
  }
  const counted = async () => (await api.request('GET', `${at}/resourcequotas/c`)).body.status?.used?.configmaps;
  await eventually(counted, 'the usage');
  const body = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'more' } };
  const refused = await api.request('POST', `${at}/configmaps`, { body });
  const toldFor = async (quota: string) => {
    const message = refused.body.message.replace(/exceeded quota: ./u, `exceeded quota: ${quota}`);
    const place = { kind: configMap, namespace: 'default' };
    const told = (await tellingAllFull(api, place, { ...refused, body: { ...refused.body, message } })).body.message;
    return told === message ? 'as it is' : told;
  };
  test.match(await toldFor('a'), /exceeded quota: a, .*; exceeded quota: b, /u);
  test.equal(await toldFor('b'), 'as it is', 'with the amounts of another one');
  test.equal(await toldFor('c'), 'as it is');
});
