import type { Instance } from './instance.ts';
import { cpuSecondsOf } from './measurement.ts';
import type { Visitor } from './visitor.ts';

const visitors = 8;

/** What a number of handshakes cost the front: its workers, and who hands out keys. */
export interface HandshakeCost {
  readonly cpuMicroseconds: number;
  readonly perSecond: number;
}

/** So many whole handshakes, for these names in turn. Throws when one is refused. */
export async function costOfHandshakes(
  instance: Instance,
  visitor: Visitor,
  { names, count }: { readonly names: readonly string[]; readonly count: number },
): Promise<HandshakeCost> {
  const pids = frontPids(instance);
  const used = (): number => pids.reduce((sum, pid) => sum + cpuSecondsOf(pid), 0);
  const [before, startedAt] = [used(), performance.now()];
  await eachOf(
    Array.from({ length: count }, (_, n) => names[n % names.length] ?? ''),
    async (name) => {
      if (!(await visitor.shakesHands(name))) throw new Error(`${name} is shown no certificate that is to be believed`);
    },
  );
  const seconds = (performance.now() - startedAt) / 1_000;
  return { cpuMicroseconds: ((used() - before) * 1e6) / count, perSecond: count / seconds };
}

function frontPids(instance: Instance): readonly number[] {
  const isFront = (name: string): boolean => name === 'keys' || name === 'nginx: worker process';
  return instance.processes().flatMap(({ pid, name }) => (isFront(name) ? [pid] : []));
}

/** Several at once, in their order. */
export async function eachOf<T>(
  items: readonly T[],
  act: (item: T) => Promise<void>,
  atOnce = visitors,
): Promise<void> {
  let next = 0;
  const work = async (): Promise<void> => {
    for (let n = next++; n < items.length; n = next++) await act(items[n] as T);
  };
  await Promise.all(Array.from({ length: atOnce }, work));
}
