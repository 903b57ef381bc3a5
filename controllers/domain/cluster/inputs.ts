/** What the leader knows about a Domain; plain data, so that a golden case can state it. */
export interface DomainClusterInputs {
  readonly tenant: string;
  readonly names: readonly NameState[];
  /** The host of the tenant, once it has one. */
  readonly host?: string;
  readonly nextHost?: string;
  /** The host that the Domain is on was declared lost: nobody waits for it. */
  readonly isHostLost: boolean;
  /** Where, and under which user id, the files of a deleted Domain are to be kept. */
  readonly keeping?: {
    readonly host: string;
    readonly accountId: number;
    /** Whether the host's agent may look after what tells of them. */
    readonly isGranted: boolean;
  };
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
