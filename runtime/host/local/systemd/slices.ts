import { readdirSync, readFileSync } from 'node:fs';
import type { Limits, Slice, Slices } from '#runtime/host/host.ts';
import { orAbsent } from '#runtime/host/local/file-errors.ts';
import { systemctl } from './systemctl.ts';
import { plainWord, wholeNumber } from './unit-file.ts';

const prefix = 'wcp360-';
const suffix = '.slice.d';

/**
 * Slices by `systemctl set-property --runtime`, which changes what runs at once and is the same for both versions of cgroups. What was set stands in
 * `controlDirectory`, where systemd keeps one file for each property.
 */
export function openSlices(controlDirectory: string): Slices {
  return {
    list: async () => {
      const names = (orAbsent(controlDirectory, () => readdirSync(controlDirectory)) ?? [])
        .filter((name) => name.startsWith(prefix) && name.endsWith(suffix))
        .toSorted();
      return new Map(
        names.map((name) => [name.slice(0, -suffix.length), readSlice(`${controlDirectory}/${name}`)] as const),
      );
    },
    put: async (name, slice, signal) => {
      const properties = [`Description=${plainOwner(slice.owner)}`, ...limitProperties(slice.limits)];
      await systemctl(['set-property', '--runtime', '--', sliceUnit(name), ...properties], signal);
    },
    remove: async (name, signal) => {
      for (const verb of ['stop', 'revert']) await systemctl([verb, '--', sliceUnit(name)], signal);
    },
  };
}

/** Every limit is named, so that one which is no longer wanted ends. */
export function limitProperties(limits: Limits): readonly string[] {
  const { cpuMillicores, memoryBytes, processes } = limits;
  return [
    `CPUQuota=${cpuMillicores === undefined ? '' : `${wholeNumber(cpuMillicores / 10)}%`}`,
    `MemoryMax=${memoryBytes === undefined ? 'infinity' : wholeNumber(memoryBytes)}`,
    `TasksMax=${processes === undefined ? 'infinity' : wholeNumber(processes)}`,
  ];
}

function readSlice(directory: string): Slice {
  const texts = (orAbsent(directory, () => readdirSync(directory)) ?? []).map(
    (file) => orAbsent(directory, () => readFileSync(`${directory}/${file}`, 'utf8')) ?? '',
  );
  const property = (name: string): string | undefined => new RegExp(`^${name}=(.+)$`, 'm').exec(texts.join('\n'))?.[1];
  const amount = (name: string): number | undefined => {
    const number = Number.parseInt(property(name) ?? '', 10);
    return Number.isNaN(number) ? undefined : number;
  };
  const [percent, memoryBytes, processes] = [amount('CPUQuota'), amount('MemoryMax'), amount('TasksMax')];
  return {
    owner: property('Description') ?? '',
    limits: {
      ...(percent === undefined ? {} : { cpuMillicores: percent * 10 }),
      ...(memoryBytes === undefined ? {} : { memoryBytes }),
      ...(processes === undefined ? {} : { processes }),
    },
  };
}

function sliceUnit(name: string): string {
  return `${plainWord(name)}.slice`;
}

function plainOwner(owner: string): string {
  return owner.split('/').map(plainWord).join('/');
}
