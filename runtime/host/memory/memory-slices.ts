import type { Slice, Slices } from '#runtime/host/host.ts';
import type { FaultSwitch } from './memory-faults.ts';
import type { MemoryTree } from './memory-tree.ts';

const directory = '/run/systemd/system.control/';

/** Slices as entries of the model's file system, where systemd has them, too: whoever looks at all of it sees them. */
export function createMemorySlices(faults: FaultSwitch, { nodes }: MemoryTree): Slices {
  return {
    list: async () =>
      new Map(
        [...nodes]
          .filter(([path]) => path.startsWith(directory))
          .map(([path, { content }]) => [path.slice(directory.length), JSON.parse(content) as Slice] as const)
          .toSorted(([one], [other]) => (one < other ? -1 : 1)),
      ),
    put: async (name, { owner, limits }, signal) => {
      signal.throwIfAborted();
      faults.beforeEffect();
      const content = JSON.stringify({ owner, limits });
      nodes.set(directory + name, { type: 'file', mode: 0o644, uid: 0, gid: 0, content, modifiedMs: 0 });
    },
    remove: async (name, signal) => {
      signal.throwIfAborted();
      if (!nodes.has(directory + name)) return;
      faults.beforeEffect();
      nodes.delete(directory + name);
    },
  };
}
