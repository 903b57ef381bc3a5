import { placeOf } from './place.ts';
import { defined, type Whereabouts } from './whereabouts.ts';

/** What the place of something follows from that does not move with its tenant; plain data. */
export interface StayingInputs {
  /** Where the tenant is. */
  readonly host?: string;
  readonly lostHosts: readonly string[];
  /** The host that takes it over from one that is lost. */
  readonly heir?: string;
}

/** It comes to the host that its tenant is on by then, and stays there; what outlives that host is given to another one. */
export function stayingPlace(
  object: Parameters<typeof placeOf>[0],
  { host, lostHosts, heir }: StayingInputs,
): Whereabouts {
  if (heir !== undefined) return { host: heir };
  const place = defined<Whereabouts>({ host: object.status?.host ?? host });
  return placeOf(object, { place, isBound: true, lostHosts });
}
