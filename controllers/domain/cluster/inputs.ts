import type { TlsInputs } from './tls.ts';
import type { Keeping } from '#controllers/kept-data.ts';
import type { NameState } from '#controllers/claimed-name.ts';
import type { Placing } from '#controllers/place.ts';
import type { Whereabouts } from '#controllers/whereabouts.ts';

import type { DomainDns } from './dns.ts';

/** What the leader knows about a Domain; plain data, so that a golden case can state it. */
export interface DomainClusterInputs {
  readonly tenant: string;
  readonly names: readonly NameState[];
  /** Where it is served as long as names are not shown to be the tenant's. */
  readonly previewHostname?: string;
  /** Where the tenant is, goes and was. */
  readonly place: Whereabouts;
  /** Hosts of the Domain that were declared lost: nobody waits for them. */
  readonly lostHosts: readonly string[];
  /** What hosts are to keep of its files. */
  readonly keepings: readonly (Keeping & {
    /** Whether the host's agent may look after what tells of them. */
    readonly isGranted: boolean;
  })[];
  /** What it has in the DNS. */
  readonly dns: DomainDns;
  /** How it comes to its certificate; absent: plain HTTP only. */
  readonly tls?: TlsInputs;
  /** Secrets referred to; the resourceVersion is empty while one is not there. */
  readonly secrets: readonly { readonly name: string; readonly resourceVersion: string }[];
}

/** What the Domain's place follows from. */
export function placingOf({ place, names, previewHostname, lostHosts }: DomainClusterInputs): Placing {
  const isBound = previewHostname !== undefined || names.some(({ state }) => state === 'Bound');
  return { place, isBound, lostHosts };
}
