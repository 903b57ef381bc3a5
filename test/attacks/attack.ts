import type { Test } from 'tap';
import type { Defence } from '#test/lab/defences.ts';
import { asBuilt, withoutDefences, type Load } from '#test/lab/weakened.ts';

/** What somebody tries who means harm, on a ground where it can be tried. */
export interface Attack<Ground> {
  /** What is tried, in plain words. */
  readonly name: string;
  /** All that stands in its way, one behind the other: with these gone it succeeds, with one of them left it does not. */
  readonly against: readonly [Defence, ...Defence[]];
  /** What the attacker gets; `undefined`: nothing. */
  readonly run: (ground: Ground) => Promise<string | undefined>;
}

/** Opens a ground of the modules that `load` gives; it ends with the test. */
export type OpenGround<Ground> = (t: Test, load: Load) => Promise<Ground>;

/** Each attack fails on a ground with all defences; gives how many there were. */
export async function refuses<Ground>(t: Test, attacks: readonly Attack<Ground>[], ground: Ground): Promise<number> {
  for (const { name, run } of attacks) t.equal(await run(ground), undefined, name);
  return attacks.length;
}

/**
 * Each attack succeeds once the defences against it are gone: what fails for another reason proves nothing. Where several stand behind each other, each of
 * them alone must do.
 */
export async function succeedsWithoutDefence<Ground>(
  t: Test,
  attacks: readonly Attack<Ground>[],
  open: OpenGround<Ground>,
): Promise<void> {
  for (const { gone, attacks: failing } of aloneEnough(attacks)) {
    await t.test(`one defence of several is enough: ${gone.length} are gone`, async (each) => {
      await withoutDefences(gone, async (load) => void (await refuses(each, failing, await open(each, load))));
    });
  }
  let controls = 0;
  for (const [gone, succeeding] of Map.groupBy(attacks, ({ against }) => against.toSorted().join(', '))) {
    await t.test(`without this something is gained: ${gone}`, async (each) => {
      await withoutDefences(succeeding[0]?.against ?? [], async (load) => {
        const ground = await open(each, load);
        for (const { name, run } of succeeding) {
          const gain = await run(ground);
          each.type(gain, 'string', name);
          if (gain !== undefined) controls += 1;
        }
      });
    });
  }
  t.equal(controls, attacks.length, 'each attack was seen to succeed without its defences');
}

/** Each attack fails on our sources as they are, and succeeds without the defences against it. */
export async function proves<Ground>(
  t: Test,
  attacks: readonly Attack<Ground>[],
  open: OpenGround<Ground>,
): Promise<void> {
  await t.test('with all defences nothing is gained', async (each) => {
    await refuses(each, attacks, await open(each, asBuilt));
  });
  await succeedsWithoutDefence(t, attacks, open);
  t.comment(`${attacks.length} attacks refused, each with a control`);
}

interface Weakening<Ground> {
  readonly gone: Defence[];
  /** All of whose defences but one are gone. */
  readonly attacks: Attack<Ground>[];
  readonly left: Defence[];
}

/** Whoever still fails with more gone than need be fails all the more with less: so a few grounds do for all defences that stand behind each other. */
function aloneEnough<Ground>(attacks: readonly Attack<Ground>[]): readonly Weakening<Ground>[] {
  const weakenings: Weakening<Ground>[] = [];
  for (const attack of attacks.filter(({ against }) => against.length > 1)) {
    for (const left of attack.against) {
      const gone = attack.against.filter((defence) => defence !== left);
      const fitting = weakenings.find(
        (each) => !each.gone.includes(left) && !gone.some((defence) => each.left.includes(defence)),
      );
      const weakening = fitting ?? { gone: [], attacks: [], left: [] };
      if (fitting === undefined) weakenings.push(weakening);
      weakening.gone.push(...gone.filter((defence) => !weakening.gone.includes(defence)));
      weakening.left.push(left);
      weakening.attacks.push(attack);
    }
  }
  return weakenings;
}
