import type { Host } from '#schemas/v1alpha1/host.ts';
import type { Tenant } from '#schemas/v1alpha1/tenant.ts';

/** What the agent knows of the tenant and of its own host, once both are there. */
export interface Surroundings {
  readonly tenant: string;
  readonly accountId: number;
  readonly effective: NonNullable<NonNullable<Tenant['status']>['effective']>;
  readonly root: string;
  readonly capabilities: NonNullable<NonNullable<Host['status']>['capabilities']>;
  /** Of Debian's own database servers, where Databases may be on one. */
  readonly neighbourSockets?: readonly string[];
}
