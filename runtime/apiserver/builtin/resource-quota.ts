import { invalidValue } from '#runtime/apiserver/registry/names.ts';
import { plainStrategy, type Strategy } from '#runtime/apiserver/registry/strategy.ts';
import { recordAt } from './fields.ts';

const quantity = /^\d+(?:\.\d+)?(?:[numkMGTPE]|[KMGTPE]i|[eE][-+]?\d+)?$/u;

/** ResourceQuotas: `spec.hard` holds quantities; `status.used` is kept by the life cycle. */
export const resourceQuotaStrategy: Strategy = {
  ...plainStrategy,
  status: true,
  deletedAnswer: 'object',
  isMetadataInParts: true,
  prepareCreate: (draft) => {
    draft['status'] = {};
  },
  validate: (quota) =>
    Object.entries(recordAt(recordAt(quota, 'spec'), 'hard'))
      .filter(([, value]) => !quantity.test(String(value)))
      .map(([name, value]) => invalidValue(`spec.hard[${name}]`, value, 'must be a quantity')),
};
