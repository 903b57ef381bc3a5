import { invalidValue } from '#runtime/apiserver/registry/names.ts';
import { plainStrategy, type Strategy } from '#runtime/apiserver/registry/strategy.ts';
import { recordAt } from './fields.ts';
import { dataKeyFaults, immutableFaults, sizeFaults } from './key-value-rules.ts';

/** ConfigMaps: at most 1 MiB, no key in both `data` and `binaryData`, frozen when marked immutable. */
export const configMapStrategy: Strategy = {
  ...plainStrategy,
  validate: (map, old) => {
    const data = recordAt(map, 'data');
    const binary = recordAt(map, 'binaryData');
    const twice = Object.keys(binary).filter((key) => Object.hasOwn(data, key));
    return [
      ...dataKeyFaults(data, 'data'),
      ...dataKeyFaults(binary, 'binaryData'),
      ...twice.map((key) => invalidValue(`data[${key}]`, key, 'duplicate of key present in binaryData')),
      ...sizeFaults(map, 'data', 'binaryData'),
      ...(old === undefined ? [] : immutableFaults(map, old, ['data', 'binaryData'])),
    ];
  },
};
