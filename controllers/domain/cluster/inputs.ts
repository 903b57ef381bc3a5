import type { Keeping } from '#controllers/kept-data.ts';
import type { Whereabouts } from '#controllers/whereabouts.ts';

/** What the leader knows about a Domain; plain data, so that a golden case can state it. */
export interface DomainClusterInputs {
  readonly tenant: string;
  readonly names: readonly NameState[];
  /** Where the tenant is, goes and was. */
  readonly place: Whereabouts;
  /** Hosts of the Domain that were declared lost: nobody waits for them. */
  readonly lostHosts: readonly string[];
  /** What hosts are to keep of its files. */
  readonly keepings: readonly (Keeping & {
    /** Whether the host's agent may look after what tells of them. */
    readonly isGranted: boolean;
  })[];
  /** Secrets referred to; the resourceVersion is empty while one is not there. */
  readonly secrets: readonly { readonly name: string; readonly resourceVersion: string }[];
}

/** One name that a Domain wants, and how far it is. */
export interface NameState {
  readonly hostname: string;
  readonly state: 'Bound' | 'Claiming' | 'Refused';
  /** For Refused: a reason of DOMAIN_REASONS and the sentence for the customer. */
  readonly reason?: string;
  readonly message?: string;
}
