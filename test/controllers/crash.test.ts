import t, { type Test } from 'tap';
import { setTimeout as delay } from 'node:timers/promises';
import { resourceTypeOf } from '#runtime/client/resource-type.ts';
import type { PhpPool } from '#runtime/drivers/php-fpm/index.ts';
import { runPool } from '#runtime/drivers/php-fpm/run-pool.ts';
import { domainKind, packageKind, retainedDataKind, tenantKind } from '#schemas/index.ts';
import { secretKind } from '#schemas/meta/builtin.ts';
import type { KindDefinition } from '#schemas/meta/kind.ts';
import type { KubeObject } from '#schemas/meta/object.ts';
import { createMortal, type Faults, type Mortal } from '#test/lab/faults.ts';
import { startHosting, type Hosting, type Program, type World } from '#test/lab/hosting.ts';
import { randomFrom } from '#test/lab/random.ts';
import { conditionOf } from '#test/lab/widgets.ts';

// Whatever dies, and whenever: the end is the same as if nothing had happened. Every story is first told without a fault, and then again with one fault at
// each point at which one can be. `WCP360_CRASH_ONLY=<words>` tells the stories whose names contain these words,
// `WCP360_CRASH_ALL=1` leaves no point out.

/** What a person does, from a world in which all is at rest, and how it is known that the answer to it is complete. */
interface Story {
  readonly name: string;
  readonly before: readonly ((hosting: Hosting) => Promise<unknown>)[];
  readonly act: (hosting: Hosting) => Promise<unknown>;
  readonly isOver: (hosting: Hosting) => Promise<boolean>;
}

const longestMs = 15_000;
const restMs = 250;

const declare = (kind: KindDefinition, name: string, spec: object, namespace?: string) => (hosting: Hosting) =>
  hosting.apply(kind, name, spec, namespace);
const domain = (name: string, spec: object) => declare(domainKind, name, spec, 'acme');
const aTenant = [declare(tenantKind, 'acme', {})];
const remove = (kind: KindDefinition, name: string, namespace?: string) => (hosting: Hosting) =>
  hosting.remove(kind, name, namespace);

const isReady =
  (kind: KindDefinition, name: string, namespace?: string, reason?: string) =>
  async (hosting: Hosting): Promise<boolean> => {
    const object = await hosting.get(kind, name, namespace);
    const ready = conditionOf(object, 'Ready');
    const isAsWanted = reason === undefined ? ready?.['status'] === 'True' : ready?.['reason'] === reason;
    return isAsWanted && ready?.['observedGeneration'] === object?.metadata.generation;
  };
const isGone = (kind: KindDefinition, name: string, namespace?: string) => async (hosting: Hosting) =>
  (await hosting.get(kind, name, namespace)) === undefined;
const isServed = isReady(domainKind, 'shop', 'acme');

const packages = {
  isDefault: true,
  limits: { domains: 10, cpu: '1', processes: 50 },
  proxyTargets: [{ cidr: '192.0.2.0/24', ports: '8080' }],
};
const upload = async (hosting: Hosting): Promise<void> => {
  await settle(hosting);
  const { uid = 0 } = ((await hosting.get(tenantKind, 'acme'))?.['status'] ?? {}) as { uid?: number };
  const path = `${hosting.machine.root}/tenants/acme/domains/shop/public/index.html`;
  hosting.machine.byHand(path, { type: 'file', content: 'mine', mode: 0o644, uid, gid: uid });
};
const staff: KubeObject = { apiVersion: 'v1', kind: 'Secret', metadata: { name: 'staff', namespace: 'acme' } };
const aSecret = async (hosting: Hosting): Promise<unknown> =>
  await hosting.client.create(resourceTypeOf(secretKind), { ...staff, stringData: { auth: 'somebody:hash' } });

const staticShop = domain('shop', { hostname: 'shop.example', aliases: ['*.shop.example'], www: 'Redirect' });
const phpShop = domain('shop', { hostname: 'shop.example', php: { env: [{ name: 'A', value: 'b' }] } });
const closedShop = domain('shop', {
  hostname: 'shop.example',
  access: { basicAuth: { secretRef: { name: 'staff' } } },
});
/** Somebody visits: the site's master runs. */
const visit = async (hosting: Hosting): Promise<void> => {
  await settle(hosting);
  const { machine: host } = hosting;
  const text = host.tree.nodes.get(`${host.root}/run/pools/acme.shop.json`)?.content ?? '';
  await runPool('acme.shop', JSON.parse(text) as PhpPool, { host }, new AbortController().signal);
};
const passing = { hostname: 'shop.example', deletionPolicy: 'Delete', php: {} };
const keptData = async (hosting: Hosting): Promise<readonly KubeObject[]> =>
  (await hosting.client.list(resourceTypeOf(retainedDataKind))).items;

const stories: readonly Story[] = [
  {
    name: 'a tenant is declared',
    before: [],
    act: declare(tenantKind, 'acme', {}),
    isOver: isReady(tenantKind, 'acme'),
  },
  {
    name: 'a tenant is suspended',
    before: [...aTenant, staticShop],
    act: declare(tenantKind, 'acme', { suspensions: [{ by: 'invoices', reason: 'Billing' }] }),
    isOver: isReady(domainKind, 'shop', 'acme', 'Suspended'),
  },
  {
    name: 'a tenant gets another limit and another owner',
    before: aTenant,
    act: declare(tenantKind, 'acme', {
      limits: { domains: 3, processes: 20 },
      owners: [{ kind: 'User', name: 'eve' }],
    }),
    isOver: isReady(tenantKind, 'acme'),
  },
  {
    name: 'a tenant with a site is deleted',
    before: [...aTenant, phpShop, upload],
    act: remove(tenantKind, 'acme'),
    isOver: isGone(tenantKind, 'acme'),
  },
  { name: 'a static site is declared', before: aTenant, act: staticShop, isOver: isServed },
  { name: 'a PHP site is declared', before: aTenant, act: phpShop, isOver: isServed },
  {
    name: 'a proxy is declared',
    before: aTenant,
    act: domain('shop', { hostname: 'shop.example', proxy: { url: 'http://backend.example:8080' } }),
    isOver: isServed,
  },
  { name: 'a site with a password is declared', before: [...aTenant, aSecret], act: closedShop, isOver: isServed },
  {
    name: 'a site gets other names and becomes PHP',
    before: [...aTenant, staticShop],
    act: domain('shop', { hostname: 'store.example', aliases: ['shop.example'], php: {} }),
    isOver: isServed,
  },
  {
    name: 'a PHP site becomes a redirect',
    before: [...aTenant, phpShop],
    act: domain('shop', { hostname: 'shop.example', redirect: { to: 'https://elsewhere.example' } }),
    isOver: isServed,
  },
  {
    name: 'a PHP site that runs gets other variables',
    before: [...aTenant, phpShop, visit],
    act: domain('shop', { hostname: 'shop.example', php: { env: [{ name: 'A', value: 'another' }] } }),
    isOver: isServed,
  },
  {
    name: 'a PHP site that runs is suspended',
    before: [...aTenant, phpShop, visit],
    act: domain('shop', { hostname: 'shop.example', php: {}, suspended: true }),
    isOver: isReady(domainKind, 'shop', 'acme', 'Suspended'),
  },
  {
    name: 'a PHP site with files is deleted, and its files are kept',
    before: [...aTenant, phpShop, upload],
    act: remove(domainKind, 'shop', 'acme'),
    isOver: isGone(domainKind, 'shop', 'acme'),
  },
  {
    name: 'a site with a password is deleted',
    before: [...aTenant, aSecret, closedShop],
    act: remove(domainKind, 'shop', 'acme'),
    isOver: isGone(domainKind, 'shop', 'acme'),
  },
  {
    name: 'a site is deleted with its files',
    before: [...aTenant, domain('shop', passing), upload],
    act: remove(domainKind, 'shop', 'acme'),
    isOver: isGone(domainKind, 'shop', 'acme'),
  },
  {
    name: 'a deleted site is declared again and has its files back',
    before: [...aTenant, phpShop, upload, remove(domainKind, 'shop', 'acme')],
    act: staticShop,
    isOver: async (hosting) => (await isServed(hosting)) && (await keptData(hosting)).length === 0,
  },
  {
    name: 'kept files are purged',
    before: [...aTenant, phpShop, upload, remove(domainKind, 'shop', 'acme')],
    act: async (hosting) => {
      for (const { metadata } of await keptData(hosting)) await hosting.remove(retainedDataKind, metadata.name);
    },
    isOver: async (hosting) => (await keptData(hosting)).length === 0,
  },
];

/** Every point, also where a few stand for the rest. */
const isThorough = process.env['WCP360_CRASH_ALL'] === '1';
const only = process.env['WCP360_CRASH_ONLY'] ?? '';
const told = stories.filter(({ name }) => name.includes(only));
const programs: readonly Program[] = ['leader', 'agent'];

/** Waits until nothing has changed for a while. */
async function settle(hosting: Hosting, isOver?: Story['isOver']): Promise<void> {
  const end = Date.now() + longestMs;
  let [last, since] = ['', Date.now()];
  while (Date.now() < end) {
    const now = await hosting.state();
    if (now !== last || (isOver !== undefined && !(await isOver(hosting)))) [last, since] = [now, Date.now()];
    else if (Date.now() - since > restMs) return;
    await delay(20);
  }
  throw new Error(`it does not come to rest: ${last}`);
}

/** True once the world is in this state; false when that takes too long. */
async function reaches(hosting: Hosting, state: string, isOff: () => boolean = () => false): Promise<boolean> {
  const end = Date.now() + longestMs;
  while (Date.now() < end && !isOff()) {
    if ((await hosting.state()) === state) return true;
    await delay(20);
  }
  return false;
}

/** Starts both and lets them work until `work` has ended. */
async function withBoth(hosting: Hosting, work: () => Promise<void>): Promise<void> {
  const running = await Promise.all(programs.map(async (program) => await hosting.start(program)));
  try {
    await work();
  } finally {
    await Promise.all(running.map(async (each) => await each.stop()));
  }
}

interface Told {
  readonly story: Story;
  readonly stage: Stage;
  readonly start: World;
  /** The end without a fault. */
  readonly end: string;
}

/** A world of its own in which stories are told one after another. */
interface Stage {
  readonly hosting: Hosting;
  readonly empty: World;
}

/** Most of a story is waiting: two are told at once. */
const stages = 2;
const open: Promise<Stage>[] = [];

async function openStage(): Promise<Stage> {
  const hosting = await startHosting();
  await hosting.apply(packageKind, 'starter', packages);
  await withBoth(hosting, async () => await settle(hosting));
  return { hosting, empty: await hosting.save() };
}

const known = new Map<Story, Told>();

/** The story without a fault. */
async function tell(story: Story, stage: Stage): Promise<Told> {
  const before = known.get(story);
  if (before !== undefined) return before;
  const { hosting, empty } = stage;
  await hosting.load(empty);
  await withBoth(hosting, async () => {
    for (const step of story.before) {
      await step(hosting);
      await settle(hosting);
    }
  });
  const start = await hosting.save();
  await withBoth(hosting, async () => {
    await story.act(hosting);
    await settle(hosting, story.isOver);
  });
  const once = { story, stage, start, end: await hosting.state() };
  known.set(story, once);
  return once;
}

/** Each story on a stage, always the same. */
async function onStages(work: (told: Told) => Promise<void>): Promise<void> {
  const turns = Array.from({ length: stages }, async (_, turn) => {
    const stage = await (open[turn] ??= openStage());
    for (const story of told.filter((_story, index) => index % stages === turn)) await work(await tell(story, stage));
  });
  await Promise.all(turns);
}

/** Tells what is different: of each object the part from where it differs. */
function tellDifference(t: Test, found: string, wanted: string, message: string): void {
  const [a, b] = [found.split('\n'), wanted.split('\n')];
  const more = a.filter((line) => !b.includes(line));
  const less = b.filter((line) => !a.includes(line));
  const keyOf = (line: string): string => line.slice(0, line.indexOf(' '));
  t.fail(message);
  for (const key of new Set([...more, ...less].map(keyOf))) {
    const [is, should] = [more, less].map((lines) => lines.find((line) => keyOf(line) === key) ?? '');
    let same = 0;
    while (same < (is?.length ?? 0) && is?.[same] === should?.[same]) same += 1;
    const at = Math.max(0, same - 60);
    t.comment(`${key}\n    is     ${is?.slice(at, at + 300)}\n    should ${should?.slice(at, at + 300)}`);
  }
}

/** Tells the story once more, with these faults; the programs that run at its end are stopped. False when the end is another one. */
async function retell(t: Test, { story, stage: { hosting }, start, end }: Told, trial: Trial): Promise<void> {
  await hosting.load(start);
  const starting = programs.map(
    async (program) => [program, await hosting.start(program, trial.faultsOf(program))] as const,
  );
  const twins = (trial.twins ?? []).map(async (program) => await hosting.start(program));
  const [running, others] = [new Map(await Promise.all(starting)), await Promise.all(twins)];
  trial.onStarted?.();
  await story.act(hosting);
  const { mortal } = trial;
  let isThere = await reaches(hosting, end, () => mortal?.isDead === true);
  if (mortal?.isDead === true) {
    const dead = programs.filter((program) => running.get(program)?.mortal === mortal);
    await Promise.all(dead.map(async (program) => await running.get(program)?.stop()));
    for (const program of dead) running.set(program, await hosting.start(program));
    isThere = await reaches(hosting, end);
  }
  if (!isThere) tellDifference(t, await hosting.state(), end, `${story.name}: ${trial.what}`);
  await Promise.all([...running.values(), ...others].map(async (each) => await each.stop()));
}

interface Trial {
  /** What goes wrong, in words. */
  readonly what: string;
  readonly faultsOf: (program: Program) => Partial<Faults>;
  /** Started again when it has died. */
  readonly mortal?: Mortal;
  readonly onStarted?: () => void;
  /** Run a second time beside the first. */
  readonly twins?: readonly Program[];
}

/** The victims die at every effect in turn, all at the same, and come back. */
async function dieEverywhere(t: Test, told: Told, victims: readonly Program[], every: number): Promise<number> {
  for (let [point, trials] = [0, 0]; ; [point, trials] = [point + every, trials + 1]) {
    const mortal = createMortal();
    await retell(t, told, {
      what: `${victims.join(' and ')} died at effect ${point}`,
      mortal,
      faultsOf: (program) => (victims.includes(program) ? { mortal } : {}),
      onStarted: () => mortal.crashAfter(point),
    });
    if (!mortal.isDead) return trials;
  }
}

/** Every write in turn goes wrong, and the program lives on. */
async function loseEverything(t: Test, told: Told, loss: 'losesAnswer' | 'losesRequest'): Promise<number> {
  let trials = 0;
  for (const victim of programs) {
    for (let point = 1; ; point += 1) {
      let writes = 0;
      await retell(t, told, {
        what: `${victim} ${loss} of write ${point}`,
        faultsOf: (program) => (program === victim ? { [loss]: point, onWrite: () => void (writes += 1) } : {}),
      });
      if (writes < point) break;
      trials += 1;
    }
  }
  return trials;
}

/** A test over all stories that says how many points it covered. */
function overAll(name: string, unit: string, trial: (t: Test, told: Told) => Promise<number>): void {
  t.test(name, async (t) => {
    let points = 0;
    await onStages(async (told) => {
      const covered = await trial(t, told);
      points += covered;
      t.comment(`${told.story.name}: ${covered}`);
    });
    t.comment(`${points} ${unit} in ${told.length} stories`);
    t.ok(points > 0);
  });
}

const end = 'it ends where it would have without';
overAll(`whenever an agent dies, ${end}`, 'crash points of an agent', async (t, told) => {
  return await dieEverywhere(t, told, ['agent'], 1);
});
overAll(`whenever the leader dies, ${end}`, 'crash points of the leader', async (t, told) => {
  return await dieEverywhere(t, told, ['leader'], 1);
});
overAll(`whenever both die at once, ${end}`, 'crash points of both', async (t, told) => {
  return await dieEverywhere(t, told, programs, isThorough ? 1 : 4);
});
overAll(`when a write is carried out and its answer is lost, ${end}`, 'lost answers', async (t, told) => {
  return await loseEverything(t, told, 'losesAnswer');
});
if (isThorough) {
  overAll(`when a write does not reach the server, ${end}`, 'lost requests', async (t, told) => {
    return await loseEverything(t, told, 'losesRequest');
  });
}
overAll(`when everything is seen late and at different times, ${end}`, 'stories seen late', async (t, told) => {
  for (const seed of [1, 2]) {
    const random = randomFrom(seed);
    await retell(t, told, { what: `seen late, seed ${seed}`, faultsOf: () => ({ lagMs: () => random() * 80 }) });
  }
  return 2;
});
overAll(
  `when two leaders and two agents work on the same at once, ${end}`,
  'stories told by twins',
  async (t, told) => {
    await retell(t, told, { what: 'twins', faultsOf: () => ({}), twins: programs });
    return 1;
  },
);

t.test('what is at rest stays at rest: a restart of all writes nothing and touches nothing', async (t) => {
  await onStages(async ({ story, stage: { hosting }, start }) => {
    await hosting.load(start);
    await withBoth(hosting, async () => await settle(hosting));
    const effects: string[] = [];
    const faults: Partial<Faults> = { onWrite: (text) => effects.push(text) };
    const running = await Promise.all(programs.map(async (program) => await hosting.start(program, faults)));
    await delay(restMs);
    const count = running.reduce((sum, { mortal }) => sum + mortal.effects, 0);
    t.equal(count, 0, `${story.name}: ${effects.join(', ')}`);
    await Promise.all(running.map(async (each) => await each.stop()));
  });
});

t.teardown(async () => {
  for (const stage of await Promise.all(open)) await stage.hosting.close();
});
