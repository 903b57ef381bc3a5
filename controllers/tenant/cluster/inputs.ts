import type { Tenant } from '#schemas/v1alpha1/tenant.ts';

/** Name of the ResourceQuota in a tenant's namespace. */
export const TENANT_QUOTA = 'tenant';

export type Effective = NonNullable<NonNullable<Tenant['status']>['effective']>;

/** How a move goes, or why it does not. */
export interface Move {
  readonly reason: 'DatabaseStays' | 'NoHost' | 'Queued' | 'Waiting';
  readonly message: string;
}

/** Where a tenant is, where it goes, and where it was. */
export interface Place {
  readonly host?: string;
  /** The host that was chosen, and is not the tenant's yet. */
  readonly nextHost?: string;
  /** How far the move to it is; absent while its agent has no rights yet. */
  readonly moving?: NonNullable<NonNullable<Tenant['status']>['moving']>;
  readonly formerHost?: string;
  readonly move?: Move;
  /** Whether nothing is heard of the host's agent. */
  readonly isHostSilent?: boolean;
  /** Why there is no host. */
  readonly unplaced?: string;
}

/** What the leader knows about a Tenant; plain data, so that a golden case can state it. */
export interface TenantClusterInputs extends Place {
  readonly effective: Effective;
  /** The user id that the tenant has claimed, or the one to claim next. */
  readonly uid: { readonly number: number; readonly isClaimed: boolean };
  /** True while objects of ours are left in the namespace: the agent needs its rights until they are gone. */
  readonly isNamespaceInUse: boolean;
  readonly isNamespaceTerminating: boolean;
  readonly hasAgentBinding: boolean;
  /** False while the server has not yet counted what the quota limits: it refuses every such object until then. */
  readonly isQuotaCounted: boolean;
}
