import type { Instance, InstanceProcess } from './instance.ts';
import { cpuSecondsOf } from './measurement.ts';
import type { Visitor } from './visitor.ts';

const visitors = 8;

/** What a number of handshakes cost the front: its workers, and who hands out keys. */
export interface HandshakeCost {
  readonly cpuMicroseconds: number;
  readonly perSecond: number;
}

/** One whole handshake for each of these names. Throws when one is refused. */
export async function costOfHandshakes(
  instance: Instance,
  visitor: Visitor,
  names: readonly string[],
): Promise<HandshakeCost> {
  const front = frontOf(instance);
  const used = (): number => front.reduce((sum, { pid }) => sum + cpuSecondsOf(pid), 0);
  const [before, startedAt] = [used(), performance.now()];
  await eachOf(names, async (name) => {
    if (!(await visitor.shakesHands(name))) throw new Error(`${name} is shown no certificate`);
  });
  const seconds = (performance.now() - startedAt) / 1_000;
  return { cpuMicroseconds: ((used() - before) * 1e6) / names.length, perSecond: names.length / seconds };
}

/** The workers, and who hands out keys. */
export function frontOf(instance: Instance): readonly InstanceProcess[] {
  return instance.processes().filter(({ name }) => name === 'keys' || name === 'nginx: worker process');
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
