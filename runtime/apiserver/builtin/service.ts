import { fault } from '#runtime/apiserver/http/api-errors.ts';
import { plainStrategy, type Strategy } from '#runtime/apiserver/registry/strategy.ts';
import { recordAt, textAt } from './fields.ts';

/** Services are stored for the APIServices that name them; nothing here routes to one. */
export const serviceStrategy: Strategy = {
  ...plainStrategy,
  names: 'label',
  status: true,
  deletedAnswer: 'object',
  prepareCreate: (draft) => {
    draft['spec'] = { type: 'ClusterIP', ...recordAt(draft, 'spec') };
    draft['status'] = { loadBalancer: {} };
  },
  validate: (service) => {
    if (textAt(service, 'spec', 'type') !== 'ExternalName' || textAt(service, 'spec', 'externalName') !== '') return [];
    return [fault('spec.externalName', 'FieldValueRequired', 'Required value')];
  },
};
