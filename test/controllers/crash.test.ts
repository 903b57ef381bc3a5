import t, { type Test } from 'tap';
import { setTimeout as delay } from 'node:timers/promises';
import { resourceTypeOf } from '#runtime/client/resource-type.ts';
import { domainKind, packageKind, retainedDataKind, tenantKind } from '#schemas/index.ts';
import { secretKind } from '#schemas/meta/builtin.ts';
import type { KindDefinition } from '#schemas/meta/kind.ts';
import type { KubeObject } from '#schemas/meta/object.ts';
import { createMortal, type Faults } from '#test/lab/faults.ts';
import { startHosting, type Hosting, type Program, type Running, type World } from '#test/lab/hosting.ts';
import { conditionOf } from '#test/lab/widgets.ts';

// Whatever dies, and whenever: the end is the same as if nothing had happened. Every story is first told without a fault, and then again with one fault at
// each point at which one can be. `WCP360_CRASH_ONLY=<words>` tells the stories whose names contain these words.

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

const packages = { isDefault: true, limits: { domains: 10 }, proxyTargets: [{ cidr: '192.0.2.0/24', ports: '8080' }] };
const upload = async (hosting: Hosting): Promise<void> => {
  await settle(hosting);
  const { uid } = (await hosting.get(tenantKind, 'acme'))?.['status'] as { uid: number };
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
    act: declare(tenantKind, 'acme', { limits: { domains: 3 }, owners: [{ kind: 'User', name: 'eve' }] }),
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
    await delay(5);
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
  readonly start: World;
  /** The end without a fault. */
  readonly end: string;
}

let begun: { readonly hosting: Hosting; readonly empty: World } | undefined;

async function begin(): Promise<{ readonly hosting: Hosting; readonly empty: World }> {
  if (begun !== undefined) return begun;
  const hosting = await startHosting();
  await hosting.apply(packageKind, 'starter', packages);
  await withBoth(hosting, async () => await settle(hosting));
  begun = { hosting, empty: await hosting.save() };
  return begun;
}

const worlds = new Map<Story, Told>();

/** The story without a fault. */
async function tell(story: Story): Promise<Told> {
  const known = worlds.get(story);
  if (known !== undefined) return known;
  const { hosting, empty } = await begin();
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
  const once = { story, start, end: await hosting.state() };
  worlds.set(story, once);
  return once;
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
    const at = Math.max(0, [...(is ?? '')].findIndex((char, index) => char !== should?.[index]) - 60);
    t.comment(`${key}\n    is     ${is?.slice(at, at + 300)}\n    should ${should?.slice(at, at + 300)}`);
  }
}

/** One of them dies at every effect in turn, and comes back. */
async function dieEverywhere(t: Test, story: Story, victims: readonly Program[]): Promise<number> {
  const { hosting } = await begin();
  const { start, end } = await tell(story);
  for (let point = 0; ; point += 1) {
    await hosting.load(start);
    const mortal = createMortal();
    const running = new Map<Program, Running>();
    for (const program of programs) {
      running.set(program, await hosting.start(program, victims.includes(program) ? { mortal } : {}));
    }
    mortal.crashAfter(point);
    await story.act(hosting);
    const isThere = await reaches(hosting, end, () => mortal.isDead);
    if (mortal.isDead) {
      await Promise.all(victims.map(async (victim) => await running.get(victim)?.stop()));
      for (const victim of victims) running.set(victim, await hosting.start(victim));
    }
    if (mortal.isDead ? !(await reaches(hosting, end)) : !isThere) {
      tellDifference(t, await hosting.state(), end, `${story.name}: ${victims.join(' and ')} died at effect ${point}`);
    }
    await Promise.all([...running.values()].map(async (each) => await each.stop()));
    if (!mortal.isDead) return point;
  }
}

for (const victims of [['agent'], ['leader'], ['leader', 'agent']] as const) {
  t.test(`whenever ${victims.join(' and ')} dies, it ends where it would have without`, async (t) => {
    let points = 0;
    for (const story of told) {
      const startedMs = Date.now();
      const covered = await dieEverywhere(t, story, victims);
      points += covered;
      t.comment(`${story.name}: ${covered} points, ${Date.now() - startedMs} ms`);
    }
    t.comment(`${points} crash points of ${victims.join(' and ')} in ${told.length} stories`);
    t.ok(points > 0);
  });
}

t.test('what is at rest stays at rest: a restart of all writes nothing and touches nothing', async (t) => {
  const { hosting } = await begin();
  for (const story of told) {
    const { start } = await tell(story);
    await hosting.load(start);
    await withBoth(hosting, async () => await settle(hosting));
    const effects: string[] = [];
    const faults: Partial<Faults> = { onWrite: (text) => effects.push(text) };
    const running = await Promise.all(programs.map(async (program) => await hosting.start(program, faults)));
    await delay(restMs);
    const count = running.reduce((sum, { mortal }) => sum + mortal.effects, 0);
    t.equal(count, 0, `${story.name}: ${effects.join(', ')}`);
    await Promise.all(running.map(async (each) => await each.stop()));
  }
});

t.setTimeout(600_000);

t.teardown(async () => {
  await begun?.hosting.close();
});
