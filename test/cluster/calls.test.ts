import { setTimeout as delay } from 'node:timers/promises';
import t, { type Test } from 'tap';
import { domainKind, packageKind, retainedDataKind, tenantKind } from '#schemas/index.ts';
import { startLabServer } from '#test/lab/api-server.ts';
import { startHostingOn, type LiveHosting, type Program } from '#test/lab/hosting.ts';
import { startKubernetes } from '#test/lab/kubernetes.ts';
import { kubernetesDirectory, noKubernetes } from '#test/lab/kubernetes-programs.ts';
import type { LabApi } from '#test/lab/lab-api.ts';
import { recorder, type Recorder } from '#test/lab/recorder.ts';
import { conditionOf, eventually } from '#test/lab/widgets.ts';

// Unchanged means unchanged: what the controllers ask of a server does not depend on which one it is.

/** Long enough for everything that follows from a change to be asked. */
const restMs = 1_000;
type Step = 'created' | 'changed' | 'deleted' | 'purged';
type Calls = Readonly<Record<Step, readonly string[]>>;

async function isReady(hosting: LiveHosting, name: string, generation: number): Promise<boolean> {
  const ready = conditionOf(await hosting.get(domainKind, name, 'acme'), 'Ready');
  return ready?.['status'] === 'True' && ready['observedGeneration'] === generation;
}

/** The life of one Domain, and what leader and agent asked in each part of it. */
async function record(t: Test, api: LabApi): Promise<Calls> {
  const hosting = await startHostingOn(api);
  const recorders: Recorder[] = [];
  const running = await Promise.all(
    (['leader', 'agent'] satisfies Program[]).map(
      async (program) =>
        await hosting.start(program, {
          through: (client) => {
            const each = recorder(client);
            recorders.push(each);
            return each.client;
          },
        }),
    ),
  );
  t.teardown(async () => {
    await Promise.all(running.map(async (each) => await each.stop()));
    await hosting.close();
  });
  const step = async (act: () => Promise<unknown>, isOver: () => Promise<boolean>): Promise<readonly string[]> => {
    await delay(restMs);
    for (const each of recorders) each.take();
    await act();
    await eventually(isOver, 'the end of a step');
    await delay(restMs);
    return recorders.flatMap((each) => each.take()).toSorted();
  };
  await hosting.apply(packageKind, 'starter', { isDefault: true, limits: { domains: 10 } });
  await hosting.apply(tenantKind, 'acme', {});
  const isTenantReady = async (): Promise<boolean> =>
    conditionOf(await hosting.get(tenantKind, 'acme'), 'Ready')?.['status'] === 'True';
  await eventually(isTenantReady, 'the tenant');
  const site = (spec: object) => async () => await hosting.apply(domainKind, 'shop', spec, 'acme');
  return {
    created: await step(site({ hostname: 'shop.example', php: {} }), async () => await isReady(hosting, 'shop', 1)),
    changed: await step(
      site({ hostname: 'shop.example', aliases: ['www.shop.example'], static: {} }),
      async () => await isReady(hosting, 'shop', 2),
    ),
    deleted: withoutStatuses(
      await step(
        async () => await hosting.remove(domainKind, 'shop', 'acme'),
        async () => (await hosting.get(domainKind, 'shop', 'acme')) === undefined,
      ),
    ),
    purged: await step(
      async () =>
        await Promise.all((await keptNames(hosting)).map(async (name) => await hosting.remove(retainedDataKind, name))),
      async () => (await keptNames(hosting)).length === 0,
    ),
  };
}

/** How much is told of an object before it is gone is a matter of time. */
function withoutStatuses(lines: readonly string[]): readonly string[] {
  return lines.filter((line) => !line.includes('"subresource":"status"'));
}

async function keptNames({ client }: LiveHosting): Promise<readonly string[]> {
  const type = {
    group: 'hosting.wcp360.io',
    version: 'v1alpha1',
    resource: 'retaineddata',
    kind: 'RetainedData',
    namespaced: false,
  };
  return (await client.list(type)).items.map(({ metadata }) => metadata.name);
}

const skip = kubernetesDirectory() === undefined ? noKubernetes : false;

void t.test(
  'controllers ask the same of both servers for a Domain that is made, changed, deleted and purged',
  { skip },
  async (t) => {
    const ours = await startLabServer();
    const kubernetes = await startKubernetes();
    t.teardown(async () => await Promise.all([ours.stop(), kubernetes.stop()]));
    const [here, there] = [await record(t, ours), await record(t, kubernetes)];
    for (const step of Object.keys(here) as Step[]) {
      t.same(there[step], here[step], step);
      t.ok(here[step].length > 0, `${step}: ${here[step].length} calls`);
      t.comment(`${step}: ${here[step].length} calls`);
    }
  },
);
