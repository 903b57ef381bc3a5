import { isEqual } from '#runtime/base/json.ts';
import { ownerId, type Owner } from '#runtime/drivers/driver.ts';
import { fieldChanges } from '#runtime/drivers/field-changes.ts';
import type { PhpFpmAction, PhpPools } from './model.ts';

/** What brings one owner's pools from `observed` to `desired`, in order of name. */
export function planPools(owner: Owner, desired: PhpPools, observed: PhpPools): readonly PhpFpmAction[] {
  const names = [...new Set([...observed.keys(), ...desired.keys()])].toSorted();
  return names.flatMap((name): readonly PhpFpmAction[] => {
    const from = observed.get(name);
    const to = desired.get(name);
    if (isEqual(from, to)) return [];
    const common = {
      driver: 'php-fpm',
      subject: `php-fpm/pool/${ownerId(owner)}/${name}`,
      changes: fieldChanges(from, to),
    } as const;
    if (to === undefined) {
      return [{ ...common, op: 'delete-pool', reason: 'no longer wanted', disruption: 'none', input: { name } }];
    }
    const reason = from === undefined ? 'missing' : 'differs';
    // A running master is replaced by a second one: nobody waits.
    return [{ ...common, op: 'put-pool', reason, disruption: 'reload', input: { name, pool: to } }];
  });
}
