import type { Test } from 'tap';
import { isEqual } from '#runtime/base/json.ts';
import { ownerId, type Driver, type Owner } from '#runtime/drivers/driver.ts';
import { SimulatedCrash } from '#runtime/host/memory/memory-faults.ts';
import type { MemoryHost } from '#runtime/host/memory/memory-host.ts';
import type { Action } from '#runtime/plan/plan.ts';

/** A driver on a model machine, and states to bring it into. */
export interface DriverUnderTest<Snapshot, State, A extends Action, W> {
  readonly driver: Driver<string, Snapshot, State, A, W>;
  readonly machine: () => { readonly host: MemoryHost; readonly world: W };
  /** At least two, each different from the next, for this owner. */
  readonly states: (owner: Owner) => readonly State[];
  /** Paths that stay when the last owner is gone: directories that all share. */
  readonly leftovers?: readonly string[];
}

const one: Owner = { kind: 'Domain', namespace: 'acme', name: 'shop', uid: 'u1' };
const other: Owner = { kind: 'Domain', namespace: 'zoo', name: 'shop', uid: 'u2' };
const signal = new AbortController().signal;

/** The laws of runtime/drivers/driver.ts, on a model machine; prints how many crash points it covered. */
export async function driverContract<Snapshot, State, A extends Action, W>(
  t: Test,
  under: DriverUnderTest<Snapshot, State, A, W>,
): Promise<void> {
  const { driver } = under;
  const states = under.states(one);

  await t.test('an applied plan leaves nothing to plan, and is told right without looking', async (each) => {
    const { world } = under.machine();
    for (const state of [...states, driver.nothing, ...states.toReversed()]) {
      const snapshot = await driver.observe(world, signal);
      const actions = await reach(driver, world, one, state);
      each.strictSame(
        driver.plan(one, driver.normalize(state), driver.of(one, await driver.observe(world, signal))),
        [],
      );
      const advanced = driver.advance?.(snapshot, actions);
      if (advanced !== undefined)
        each.strictSame(driver.plan(one, driver.normalize(state), driver.of(one, advanced)), []);
    }
  });

  await t.test('what was made and is not wanted any more leaves no trace', async (each) => {
    for (const state of states) {
      const { host, world } = under.machine();
      const before = traces(host, under.leftovers);
      await reach(driver, world, one, state);
      each.not(traces(host, under.leftovers), before);
      await reach(driver, world, one, driver.nothing);
      each.equal(traces(host, under.leftovers), before);
    }
  });

  await t.test('the way does not count: A then B is the same as B', async (each) => {
    for (const [index, state] of states.entries()) {
      const direct = under.machine();
      await reach(driver, direct.world, one, state);
      const detour = under.machine();
      await reach(driver, detour.world, one, states[(index + 1) % states.length] ?? state);
      await reach(driver, detour.world, one, state);
      each.equal(traces(detour.host), traces(direct.host));
    }
  });

  await t.test('nothing of another owner is named, seen or touched', async (each) => {
    const { world } = under.machine();
    const theirs = under.states(other)[0] ?? driver.nothing;
    await reach(driver, world, other, theirs);
    for (const state of [...states, driver.nothing]) {
      for (const action of await reach(driver, world, one, state)) {
        each.notMatch(action.subject, ownerId(other));
        each.match(action.subject, ownerId(one));
        each.ok(isEqual(JSON.parse(JSON.stringify(action)), action), 'an action survives JSON');
      }
      const snapshot = await driver.observe(world, signal);
      each.ok(isEqual(driver.of(other, snapshot), driver.normalize(theirs)));
    }
  });

  await t.test('a new uid under the same name adopts what is there', async (each) => {
    const { world } = under.machine();
    const [state] = states;
    if (state === undefined) return;
    await reach(driver, world, one, state);
    const again = { ...one, uid: 'another' };
    each.strictSame(
      driver.plan(again, driver.normalize(state), driver.of(again, await driver.observe(world, signal))),
      [],
    );
  });

  await t.test('after a crash at any effect it ends where it would have without', async (each) => {
    const way = [...states, driver.nothing];
    let points = 0;
    for (const [index, state] of way.entries()) {
      const reference = under.machine();
      for (const step of way.slice(0, index)) await reach(driver, reference.world, one, step);
      const before = reference.host.faults.effects;
      await reach(driver, reference.world, one, state);
      const effects = reference.host.faults.effects - before;
      for (let count = 0; count < effects; count += 1) {
        const { host, world } = under.machine();
        for (const step of way.slice(0, index)) await reach(driver, world, one, step);
        host.faults.crashAfter(count);
        await each.rejects(reach(driver, world, one, state), SimulatedCrash);
        host.faults.recover();
        await reach(driver, world, one, state);
        if (traces(host) !== traces(reference.host))
          each.equal(listing(host), listing(reference.host), `step ${index}, effect ${count}`);
        points += 1;
      }
    }
    each.ok(points > 0);
    each.comment(`${points} crash points`);
  });
}

/** One round of the loop. */
export async function reach<Snapshot, State, A extends Action, W>(
  driver: Driver<string, Snapshot, State, A, W>,
  world: W,
  owner: Owner,
  desired: State,
): Promise<readonly A[]> {
  const observed = driver.of(owner, await driver.observe(world, signal));
  const actions = driver.plan(owner, driver.normalize(desired), observed);
  for (const action of actions) await driver.apply(action, world, signal);
  await driver.settle?.(actions, world, signal);
  return actions;
}

function traces(host: MemoryHost, leftovers: readonly string[] = []): string {
  if (leftovers.length === 0) return host.treeHash();
  return listing(host, leftovers);
}

function listing(host: MemoryHost, leftovers: readonly string[] = []): string {
  return [...host.tree.nodes]
    .filter(([path]) => !leftovers.includes(path) && !/\/(staging|trash)(\/|$)/.test(path.slice(host.root.length)))
    .map(([path, node]) => `${path} ${node.type} ${node.mode.toString(8)} ${node.uid}:${node.gid} ${node.content}`)
    .toSorted()
    .join('\n');
}
