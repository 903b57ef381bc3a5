import { FINALIZERS } from '#schemas/meta/names.ts';
import type { Domain } from '#schemas/v1alpha1/domain.ts';
import { defined, type Whereabouts } from '#controllers/whereabouts.ts';
import type { DomainClusterInputs } from './inputs.ts';

/**
 * Where a Domain is, goes and was. It follows its tenant, with three exceptions: it comes to a host only with a name, where it is being deleted it stays, and
 * the host that it leaves is the one that it was on. Before its tenant moves the agent there has said that it has the Domain, too.
 */
export function placeOf(domain: Domain, { place, names, lostHosts }: DomainClusterInputs): Whereabouts {
  const { deletionTimestamp } = domain.metadata;
  const { host: present } = domain.status ?? {};
  const isBound = names.some(({ state }) => state === 'Bound');
  if (deletionTimestamp !== undefined) return whereItIs(domain, lostHosts);
  if (present === undefined)
    return isBound ? { ...defined<Whereabouts>({ host: place.host }), ...wayOf(domain, place) } : {};
  const former = formerHostOf(domain, lostHosts);
  if (place.host === undefined) return lostHosts.includes(present) ? former : { host: present, ...former };
  if (place.host === present) return { host: present, ...wayOf(domain, place), ...former };
  return { host: place.host, ...(lostHosts.includes(present) ? former : { formerHost: present }) };
}

/** A deleted Domain is taken down where something of it is; nobody waits for a host that is lost. */
function whereItIs(domain: Domain, lostHosts: readonly string[]): Whereabouts {
  const { host, nextHost, moving } = domain.status ?? {};
  const isThere = (name: string | undefined): boolean => name !== undefined && !lostHosts.includes(name);
  return {
    ...(isThere(host) ? defined<Whereabouts>({ host }) : {}),
    ...(isThere(nextHost) && isHeld(domain, FINALIZERS.nextHost) ? defined<Whereabouts>({ nextHost, moving }) : {}),
    ...formerHostOf(domain, lostHosts),
  };
}

/** A move that is called off ends here when nothing is left at the next host. */
function wayOf(domain: Domain, { nextHost, moving }: Whereabouts): Whereabouts {
  if (nextHost === undefined || moving === undefined) return {};
  if (moving === 'Undoing' && !isHeld(domain, FINALIZERS.nextHost)) return {};
  return { nextHost, moving };
}

function formerHostOf(domain: Domain, lostHosts: readonly string[]): Whereabouts {
  const { formerHost } = domain.status ?? {};
  const isLeft = !isHeld(domain, FINALIZERS.formerHost);
  return formerHost === undefined || isLeft || lostHosts.includes(formerHost) ? {} : { formerHost };
}

function isHeld({ metadata }: Domain, finalizer: string): boolean {
  return metadata.finalizers?.includes(finalizer) === true;
}
