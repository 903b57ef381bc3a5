import { FINALIZERS } from '#schemas/meta/names.ts';
import type { Holders } from '#runtime/manager/controller.ts';
import type { Whereabouts } from './whereabouts.ts';

/** What placement is about to write; `isComing`: a host works on the object soon, or does. */
export type ComingPlace = Pick<Whereabouts, 'moving' | 'formerHost'> & { readonly isComing: boolean };

/**
 * The finalizers of agents, which the leader sets before it tells an agent that it is meant: of the one that serves the object, of the one that it comes to, and
 * of the one that it leaves. Each is for that agent to drop; the leader does so where nobody is meant any longer.
 */
export function hostHolders(
  {
    metadata,
    status = {},
  }: { readonly metadata: { readonly deletionTimestamp?: string }; readonly status?: Whereabouts },
  { isComing, moving, formerHost }: ComingPlace,
): Holders {
  const begins = moving !== undefined && status.moving === undefined;
  const leaves = formerHost !== undefined && status.formerHost === undefined;
  const isGoing = metadata.deletionTimestamp !== undefined;
  return {
    add: finalizersFor({ host: isComing, nextHost: begins, formerHost: leaves }),
    drop: finalizersFor({
      host: isGoing && status.host === undefined,
      nextHost: status.nextHost === undefined && !begins,
      formerHost: status.formerHost === undefined && !leaves,
    }),
  };
}

function finalizersFor(isMeant: Readonly<Record<'host' | 'nextHost' | 'formerHost', boolean>>): readonly string[] {
  return (['host', 'nextHost', 'formerHost'] as const)
    .filter((agent) => isMeant[agent])
    .map((agent) => FINALIZERS[agent]);
}
