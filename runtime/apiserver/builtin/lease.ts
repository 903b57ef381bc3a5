import type { FieldFault } from '#runtime/base/errors.ts';
import { invalidValue } from '#runtime/apiserver/registry/names.ts';
import type { Draft } from '#runtime/apiserver/registry/draft.ts';
import { plainStrategy, type Strategy } from '#runtime/apiserver/registry/strategy.ts';
import { recordAt } from './fields.ts';

/** Leases are only replaced by whoever has seen the last one: leader election stands on it. */
export const leaseStrategy: Strategy = {
  ...plainStrategy,
  unconditionalUpdate: false,
  createOnUpdate: true,
  qualifiedFinalizers: false,
  completeCreate: withoutElection,
  completeUpdate: withoutElection,
  validate: (lease) => {
    const { leaseDurationSeconds: duration, leaseTransitions: transitions } = recordAt(lease, 'spec');
    const faults: FieldFault[] = [];
    if (typeof duration === 'number' && duration <= 0)
      faults.push(invalidValue('spec.leaseDurationSeconds', duration, 'must be greater than 0'));
    if (typeof transitions === 'number' && transitions < 0) {
      faults.push(invalidValue('spec.leaseTransitions', transitions, 'must be greater than or equal to 0'));
    }
    return faults;
  },
};

/** Leaders elect themselves here: nobody reads what is wanted of an election. */
function withoutElection(draft: Draft): void {
  const { strategy: _, preferredHolder: __, ...spec } = recordAt(draft, 'spec');
  draft['spec'] = spec;
}
