import { setTimeout as delay } from 'node:timers/promises';
import type { KindDefinition } from '#schemas/meta/kind.ts';
import type { KubeObject } from '#schemas/meta/object.ts';
import type { Hosting, Program, World } from './hosting.ts';
import { patienceMs } from './patience.ts';
import { conditionOf } from './widgets.ts';

/** What a person does, from a world in which all is at rest, and how it is known that the answer to it is complete. */
export interface Story {
  readonly name: string;
  readonly before: readonly Step[];
  readonly act: Step;
  readonly isOver: (hosting: Hosting) => Promise<boolean>;
}

export type Step = (hosting: Hosting) => Promise<unknown>;

export const declare =
  (kind: KindDefinition, name: string, spec: object, namespace?: string): Step =>
  async (hosting) =>
    await hosting.apply(kind, name, spec, namespace);

export const remove =
  (kind: KindDefinition, name: string, namespace?: string): Step =>
  async (hosting) => {
    await hosting.remove(kind, name, namespace);
  };

/** Ready for the present generation, or with this reason whatever it says. */
export const isReady =
  (kind: KindDefinition, name: string, namespace?: string, reason?: string) =>
  async (hosting: Hosting): Promise<boolean> => {
    const object = await hosting.get(kind, name, namespace);
    const ready = conditionOf(object, 'Ready');
    const isAsWanted = reason === undefined ? ready?.['status'] === 'True' : ready?.['reason'] === reason;
    return isAsWanted && ready?.['observedGeneration'] === object?.metadata.generation;
  };

export const isGone = (kind: KindDefinition, name: string, namespace?: string) => async (hosting: Hosting) =>
  (await hosting.get(kind, name, namespace)) === undefined;

export const programs: readonly Program[] = ['leader', 'agent'];

/** What has not changed for so long is at rest. */
export const restMs = 250;
const lookMs = 20;

/** Waits until nobody has anything to do, and nothing has changed for a while. */
export async function settle(hosting: Hosting, isOver?: Story['isOver']): Promise<void> {
  const end = Date.now() + patienceMs;
  let [last, since] = ['', Date.now()];
  while (Date.now() < end) {
    const now = await hosting.state();
    if (now !== last || (await hosting.isAtWork()) || (isOver !== undefined && !(await isOver(hosting))))
      [last, since] = [now, Date.now()];
    else if (Date.now() - since > restMs) return;
    await delay(lookMs);
  }
  throw new Error(`it does not come to rest: ${last}`);
}

/** What tells of itself, as resources. */
const telling =
  /^\/registry\/hosting\.wcp360\.io\/(tenants|domains|databases|databaseusers|zones|dnsrecords|certificates)\//;

/** Whether all that was declared so far tells of itself, and nothing is on its way out: on a busy machine it takes a while before anything begins. */
export async function isTold({ server }: Hosting): Promise<boolean> {
  const { entries } = await server.store.range('/registry/hosting.wcp360.io/');
  return entries
    .filter(({ key }) => telling.test(key))
    .map(({ value }) => JSON.parse(value.toString()) as KubeObject)
    .every((object) => {
      const { observedGeneration } = (object['status'] ?? {}) as { readonly observedGeneration?: number };
      return object.metadata.deletionTimestamp === undefined && observedGeneration === object.metadata.generation;
    });
}

/** True once the world is in this state; false when that takes too long. */
export async function reaches(hosting: Hosting, state: string, isOff: () => boolean = () => false): Promise<boolean> {
  const end = Date.now() + patienceMs;
  while (Date.now() < end && !isOff()) {
    if ((await hosting.state()) === state) return true;
    await delay(lookMs);
  }
  return false;
}

/** Starts both and lets them work until `work` has ended. */
export async function withBoth(hosting: Hosting, work: () => Promise<void>): Promise<void> {
  const running = await Promise.all(programs.map(async (program) => await hosting.start(program)));
  try {
    await work();
  } finally {
    await Promise.all(running.map(async (each) => await each.stop()));
  }
}

/** A story as it was told without a fault. */
export interface Told {
  readonly story: Story;
  readonly hosting: Hosting;
  readonly start: World;
  readonly end: string;
}

/** Tells stories again and again. */
export interface Stages {
  /** Calls `work` for each story, told once without a fault; several at a time, each in a world of its own. */
  each(work: (told: Told) => Promise<void>): Promise<void>;
  close(): Promise<void>;
}

/** Most of a story is waiting: two are told at once. */
const atOnce = 2;

/** `open` makes a world in which the stories' first steps can be taken; it is opened once for all that are told one after another. */
export function createStages(stories: readonly Story[], open: () => Promise<Hosting>): Stages {
  const opened: Promise<{ readonly hosting: Hosting; readonly empty: World }>[] = [];
  const known = new Map<Story, Told>();
  const openStage = async () => {
    const hosting = await open();
    await withBoth(hosting, async () => await settle(hosting));
    return { hosting, empty: await hosting.save() };
  };
  return {
    each: async (work) => {
      const turns = Array.from({ length: Math.min(atOnce, stories.length) }, async (_, turn) => {
        const { hosting, empty } = await (opened[turn] ??= openStage());
        for (const story of stories.filter((_story, index) => index % atOnce === turn)) {
          const told = known.get(story) ?? (await tell(story, hosting, empty));
          known.set(story, told);
          await work(told);
        }
      });
      // Nobody goes on to the next law while somebody is at this one.
      for (const turn of await Promise.allSettled(turns)) if (turn.status === 'rejected') throw turn.reason;
    },
    close: async () => {
      for (const { hosting } of await Promise.all(opened)) await hosting.close();
    },
  };
}

async function tell(story: Story, hosting: Hosting, empty: World): Promise<Told> {
  await hosting.load(empty);
  await withBoth(hosting, async () => {
    for (const step of story.before) {
      await step(hosting);
      await settle(hosting, isTold);
    }
  });
  const start = await hosting.save();
  await withBoth(hosting, async () => {
    await story.act(hosting);
    await settle(hosting, story.isOver);
  });
  return { story, hosting, start, end: await hosting.state() };
}
