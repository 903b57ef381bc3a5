import { isEqual } from '#runtime/base/json.ts';
import type { Driver, Owner } from '#runtime/drivers/driver.ts';
import type { Copies } from './copies.ts';
import type { Copy, CopyAction, CopyKey } from './model.ts';

/** Files of Domains that come from another host. A copy takes its time: an action only begins it, and its end is told as drift. */
export function createCopiesDriver(copies: Copies): Driver<'copies', Copies, Copy, CopyAction, unknown> {
  return {
    name: 'copies',
    nothing: { pass: 'None' },
    normalize: (desired) => desired,
    observe: () => Promise.resolve(copies),
    advance: (snapshot) => snapshot,
    of: (owner) => copies.of(owner) ?? { pass: 'None' },
    plan: (owner, desired, observed) =>
      desired.pass === observed.pass && isEqual(desired.seat, observed.seat) ? [] : [actionOf(owner, desired)],
    waitsFor: (_owner, { pass }, { progress }) =>
      pass === 'None' || progress?.phase === 'Done' ? undefined : (progress?.message ?? 'The copy begins.'),
    apply: async (action) => {
      if (action.op === 'start-copy') copies.start(action.input);
      else await copies.end(action.input);
    },
    watchDrift: async (_world, onDrift, signal) => await copies.follow((owner) => onDrift([owner]), signal),
  };
}

function actionOf(owner: Owner, { pass, seat }: Copy): CopyAction {
  const common = {
    driver: 'copies',
    subject: `copy/${owner.namespace}/${owner.name}`,
    disruption: 'none',
    changes: [],
  } as const;
  const key = keyOf(owner);
  if (pass === 'None' || seat === undefined)
    return { ...common, op: 'delete-copy', reason: 'no longer wanted', input: key };
  return { ...common, op: 'start-copy', reason: 'the files are on another host', input: { ...key, pass, seat } };
}

function keyOf({ namespace, name, uid }: Owner): CopyKey {
  return { namespace, name, uid };
}
