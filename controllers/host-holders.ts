import { FINALIZERS } from '#schemas/meta/names.ts';
import type { Holders } from '#runtime/manager/controller.ts';
import { whereaboutsOf, type Whereabouts } from './whereabouts.ts';

/** What placement is about to write; `isComing`: a host works on the object soon, or does. */
export type ComingPlace = Pick<Whereabouts, 'moving' | 'formerHost'> & { readonly isComing: boolean };

interface Placed {
  readonly metadata: { readonly deletionTimestamp?: string; readonly finalizers?: readonly string[] };
  readonly status?: Whereabouts;
}

/**
 * The finalizers of agents: of the one that serves the object, of the one that it comes to, and of the one that it leaves. The leader sets them before it tells
 * an agent that it is meant. Each is for that agent to drop; the leader does so where nobody is meant any longer.
 */
export function hostHolders(object: Placed, { isComing, moving, formerHost }: ComingPlace): Holders {
  const { metadata, status = {} } = object;
  const comes = moving !== undefined && moving !== 'Undoing';
  const leaves = isLeft(object, { formerHost });
  const isGoing = metadata.deletionTimestamp !== undefined;
  return {
    add: finalizersFor({ host: isComing, nextHost: comes, formerHost: leaves }),
    drop: finalizersFor({
      host: isGoing && status.host === undefined,
      nextHost: status.nextHost === undefined && !comes,
      formerHost: status.formerHost === undefined && !leaves,
    }),
  };
}

/**
 * What may be told of a place. That the finalizer of a former host is gone means that nothing is left there: before it was set nobody is told of a former host,
 * and all stays where it is. The cache may have changed since the finalizers were set; the next round knows.
 */
export function toldPlace(object: Placed, place: Whereabouts): Whereabouts {
  const isHeld = object.metadata.finalizers?.includes(FINALIZERS.formerHost) === true;
  return isLeft(object, place) && !isHeld ? whereaboutsOf(object.status) : place;
}

function isLeft({ status = {} }: Placed, { formerHost }: { readonly formerHost?: string | undefined }): boolean {
  return formerHost !== undefined && status.formerHost === undefined;
}

function finalizersFor(isMeant: Readonly<Record<'host' | 'nextHost' | 'formerHost', boolean>>): readonly string[] {
  return (['host', 'nextHost', 'formerHost'] as const)
    .filter((agent) => isMeant[agent])
    .map((agent) => FINALIZERS[agent]);
}
