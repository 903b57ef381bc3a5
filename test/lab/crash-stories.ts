import type { Test } from 'tap';
import { setTimeout as delay } from 'node:timers/promises';
import { createMortal, type Faults, type Mortal } from './faults.ts';
import type { Hosting, Program, Running } from './hosting.ts';
import { randomFrom } from './random.ts';
import { isThorough, samplingSeed } from './sampling.ts';
import { createStages, isTold, programs, reaches, restMs, settle, withBoth, type Story, type Told } from './stories.ts';

// Whatever dies, and whenever: the end is the same as if nothing had happened. Every story is first told without a fault, and then again with one fault at
// each point at which one can be, or a sample of these. `WCP360_CRASH_ONLY=<words>` tells the stories whose names contain these words,
// `WCP360_CRASH_ALL=1` leaves no point out.

const only = process.env['WCP360_CRASH_ONLY'] ?? '';

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

/** Tells the story once more, with these faults; fails `t` when the end is another one. */
async function retell(t: Test, { story, hosting, start, end }: Told, trial: Trial): Promise<void> {
  await hosting.load(start);
  const twins = (trial.twins ?? []).map(async (program) => await hosting.start(program));
  const starting = programs.map(
    async (program) => [program, await hosting.start(program, trial.faultsOf(program))] as const,
  );
  const [others, running] = [await Promise.all(twins), new Map(await Promise.all(starting))];
  try {
    trial.onStarted?.();
    await story.act(hosting);
    if (!(await endsAs(end, hosting, { running, mortal: trial.mortal })))
      tellDifference(t, await hosting.state(), end, `${story.name}: ${trial.what}`);
  } finally {
    await Promise.all([...running.values(), ...others].map(async (each) => await each.stop()));
  }
}

/** Whether that end is reached; who has died on the way is started again. */
async function endsAs(
  end: string,
  hosting: Hosting,
  { running, mortal }: { readonly running: Map<Program, Running>; readonly mortal: Mortal | undefined },
): Promise<boolean> {
  const isThere = await reaches(hosting, end, () => mortal?.isDead === true);
  if (mortal?.isDead !== true) return isThere;
  const dead = programs.filter((program) => running.get(program)?.mortal === mortal);
  await Promise.all(dead.map(async (program) => await running.get(program)?.stop()));
  for (const program of dead) running.set(program, await hosting.start(program));
  return await reaches(hosting, end);
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

/** In the usual run, of so many points beside each other one that chance chooses: for each story by itself, since they are told beside each other. */
function sample({ story }: Told, each: number): { readonly first: number; readonly step: number } {
  const step = isThorough ? 1 : each;
  const seed = Array.from(story.name).reduce((sum, letter) => sum + (letter.codePointAt(0) ?? 0), samplingSeed);
  return { first: Math.floor(randomFrom(seed)() * step), step };
}

/** The victims die at every effect in turn, or at one of so many, all at the same, and come back. */
async function dieEverywhere(t: Test, told: Told, victims: readonly Program[], each = 1): Promise<number> {
  const { first, step } = sample(told, each);
  for (let [point, trials] = [first, 0]; ; [point, trials] = [point + step, trials + 1]) {
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

/** Every write in turn, or one of two, goes wrong, and the program lives on. */
async function loseEverything(t: Test, told: Told, loss: 'losesAnswer' | 'losesRequest'): Promise<number> {
  let trials = 0;
  for (const victim of programs) {
    const { first, step } = sample(told, 2);
    for (let point = 1 + first; ; point += step) {
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

const end = 'it ends where it would have without';

/** How each story is told again, and what is counted. */
const laws: readonly {
  readonly name: string;
  readonly unit: string;
  readonly isRare?: boolean;
  readonly trial: (t: Test, told: Told) => Promise<number>;
}[] = [
  {
    name: `whenever an agent dies, ${end}`,
    unit: 'crash points of an agent',
    trial: async (t, told) => await dieEverywhere(t, told, ['agent']),
  },
  {
    name: `whenever the leader dies, ${end}`,
    unit: 'crash points of the leader',
    trial: async (t, told) => await dieEverywhere(t, told, ['leader'], 2),
  },
  {
    name: `whenever both die at once, ${end}`,
    unit: 'crash points of both',
    trial: async (t, told) => await dieEverywhere(t, told, programs, 4),
  },
  {
    name: `when a write is carried out and its answer is lost, ${end}`,
    unit: 'lost answers',
    trial: async (t, told) => await loseEverything(t, told, 'losesAnswer'),
  },
  {
    name: `when a write does not reach the server, ${end}`,
    unit: 'lost requests',
    isRare: true,
    trial: async (t, told) => await loseEverything(t, told, 'losesRequest'),
  },
  {
    name: `when everything is seen late and at different times, ${end}`,
    unit: 'stories seen late',
    trial: async (t, told) => {
      for (const seed of [1, 2]) {
        const random = randomFrom(seed);
        await retell(t, told, { what: `seen late, seed ${seed}`, faultsOf: () => ({ lagMs: () => random() * 80 }) });
      }
      return 2;
    },
  },
  {
    name: `when two leaders and two agents work on the same at once, ${end}`,
    unit: 'stories told by twins',
    trial: async (t, told) => {
      await retell(t, told, { what: 'twins', faultsOf: () => ({}), twins: programs });
      return 1;
    },
  },
];

/** What is at rest stays at rest: how many effects a restart of both has. */
async function effectsOfRestart({ hosting, start }: Told): Promise<readonly string[]> {
  await hosting.load(start);
  await withBoth(hosting, async () => await settle(hosting, isTold));
  const effects: string[] = [];
  const faults: Partial<Faults> = { onWrite: (text, body) => effects.push(`${text} ${JSON.stringify(body)}`) };
  const running = await Promise.all(programs.map(async (program) => await hosting.start(program, faults)));
  await delay(restMs);
  const count = running.reduce((sum, { mortal }) => sum + mortal.effects, 0);
  await Promise.all(running.map(async (each) => await each.stop()));
  return [...effects, ...Array.from({ length: count - effects.length }, () => 'a change of the machine')];
}

/** All laws over all of the stories, as tests of `t`; each says how many points it covered. `open` makes a world for them. */
export function tellStories(t: Test, stories: readonly Story[], open: () => Promise<Hosting>): void {
  const told = stories.filter(({ name }) => name.includes(only));
  const stages = createStages(told, open);
  for (const { name, unit, trial } of laws.filter(({ isRare }) => isThorough || isRare !== true)) {
    void t.test(name, async (test) => {
      let points = 0;
      await stages.each(async (each) => {
        const covered = await trial(test, each);
        points += covered;
        test.comment(`${each.story.name}: ${covered}`);
      });
      test.comment(`${points} ${unit} in ${told.length} stories, WCP360_SEED=${samplingSeed}`);
      test.ok(points > 0);
    });
  }
  void t.test('what is at rest stays at rest: a restart of all writes nothing and touches nothing', async (test) => {
    await stages.each(async (each) => {
      test.same(await effectsOfRestart(each), [], each.story.name);
    });
  });
  t.teardown(async () => await stages.close());
}
