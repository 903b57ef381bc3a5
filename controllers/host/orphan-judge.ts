import { randomBytes } from 'node:crypto';
import type { Clock } from '#runtime/base/clock.ts';
import { isEqual } from '#runtime/base/json.ts';
import type { Orphans } from '#runtime/manager/removal-guard.ts';
import type { Alarm } from './alarm.ts';

/** Tells single mishaps from a store that has lost what it held. */
export interface OrphanJudge {
  /** Set: these are too many, and nobody has confirmed them by `word`. Absent: they may be taken down, and are counted as such. */
  judge(found: Orphans, word: string | undefined): Alarm | undefined;
}

const windowMs = 3_600_000;
/** Up to here, within the window, orphans are mishaps. */
const few = { count: 5, share: 0.1 };

/** A judge who has seen nothing. Each alarm gets a word of its own, which stands as long as the orphans are the same. */
export function createOrphanJudge(clock: Clock): OrphanJudge {
  let asked: { readonly orphans: readonly string[]; readonly token: string } | undefined;
  let takenDown: readonly { readonly atMs: number; readonly count: number }[] = [];
  const isMany = ({ orphans, owners }: Orphans): boolean => {
    takenDown = takenDown.filter(({ atMs }) => clock.now() - atMs < windowMs);
    const count = takenDown.reduce((sum, flock) => sum + flock.count, orphans.length);
    return orphans.length > 0 && count > Math.max(few.count, owners * few.share);
  };
  return {
    judge: (found, word) => {
      const { orphans } = found;
      if (!isMany(found)) {
        asked = undefined;
        takenDown = [...takenDown, { atMs: clock.now(), count: orphans.length }];
        return undefined;
      }
      if (asked === undefined || !isEqual(asked.orphans, orphans)) {
        asked = { orphans, token: randomBytes(6).toString('hex') };
      }
      if (asked.token !== word) return alarmOf(found, asked.token);
      asked = undefined;
      return undefined;
    },
  };
}

function alarmOf({ orphans, owners }: Orphans, token: string): Alarm {
  const some = `${orphans.slice(0, 3).join(', ')}${orphans.length > 3 ? ', …' : ''}`;
  const message = `The objects of ${orphans.length} of ${owners} sites are gone without having been taken down (${some}); these are still served.`;
  return { type: 'ManyObjectsVanished', reason: 'ManyAtOnce', message, token };
}
