import { invalidValue } from '#runtime/apiserver/registry/names.ts';
import { plainStrategy, type Strategy } from '#runtime/apiserver/registry/strategy.ts';
import { textAt } from './fields.ts';

/** APIServices are named `<version>.<group>` after what they register. */
export const apiServiceStrategy: Strategy = {
  ...plainStrategy,
  status: true,
  unconditionalUpdate: false,
  qualifiedFinalizers: false,
  validate: (service) => {
    const wanted = `${textAt(service, 'spec', 'version')}.${textAt(service, 'spec', 'group')}`;
    if (service.metadata.name === wanted) return [];
    return [
      invalidValue(
        'metadata.name',
        service.metadata.name,
        `must be \`spec.version+"."+spec.group\`: ${JSON.stringify(wanted)}`,
      ),
    ];
  },
};
