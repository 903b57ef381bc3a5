import { FINALIZERS } from '#schemas/meta/names.ts';
import { defined, type Whereabouts } from './whereabouts.ts';

/** Anything of a tenant that runs on a host. */
interface Placeable {
  readonly metadata: { readonly deletionTimestamp?: string; readonly finalizers?: readonly string[] };
  readonly status?: Whereabouts;
}

/** What a place follows from. */
export interface Placing {
  /** Where the tenant is, goes and was. */
  readonly place: Whereabouts;
  /** Whether it has a name that is the tenant's. */
  readonly isBound: boolean;
  readonly lostHosts: readonly string[];
}

/**
 * Where something of a tenant is, goes and was. It follows its tenant, with three exceptions: it comes to a host only with a name, where it is being deleted it stays, and
 * the host that it leaves is the one that it was on. Before its tenant moves the agent there has said that it has it, too.
 */
export function placeOf(object: Placeable, { place, isBound, lostHosts }: Placing): Whereabouts {
  const { deletionTimestamp } = object.metadata;
  const { host: present } = object.status ?? {};
  if (deletionTimestamp !== undefined) return whereItIs(object, lostHosts);
  if (present === undefined)
    return isBound ? { ...defined<Whereabouts>({ host: place.host }), ...wayOf(object, place) } : {};
  const former = formerHostOf(object, lostHosts);
  if (place.host === undefined) return lostHosts.includes(present) ? former : { host: present, ...former };
  if (place.host === present) return { host: present, ...wayOf(object, place), ...former };
  return { host: place.host, ...(lostHosts.includes(present) ? former : { formerHost: present }) };
}

/** What is deleted is taken down where something of it is; nobody waits for a host that is lost. */
function whereItIs(object: Placeable, lostHosts: readonly string[]): Whereabouts {
  const { host, nextHost, moving } = object.status ?? {};
  const isThere = (name: string | undefined): boolean => name !== undefined && !lostHosts.includes(name);
  return {
    ...(isThere(host) ? defined<Whereabouts>({ host }) : {}),
    ...(isThere(nextHost) && isHeld(object, FINALIZERS.nextHost) ? defined<Whereabouts>({ nextHost, moving }) : {}),
    ...formerHostOf(object, lostHosts),
  };
}

/** A move that is called off ends here when nothing is left at the next host. */
function wayOf(object: Placeable, { nextHost, moving }: Whereabouts): Whereabouts {
  if (nextHost === undefined || moving === undefined) return {};
  if (moving === 'Undoing' && !isHeld(object, FINALIZERS.nextHost)) return {};
  return { nextHost, moving };
}

function formerHostOf(object: Placeable, lostHosts: readonly string[]): Whereabouts {
  const { formerHost } = object.status ?? {};
  const isLeft = !isHeld(object, FINALIZERS.formerHost);
  return formerHost === undefined || isLeft || lostHosts.includes(formerHost) ? {} : { formerHost };
}

function isHeld({ metadata }: Placeable, finalizer: string): boolean {
  return metadata.finalizers?.includes(finalizer) === true;
}
