import type { Intake } from '#runtime/drivers/databases/dump.ts';
import { openTenantProcesses } from '#runtime/host/local/open-tenant-processes.ts';

/** Whose sandbox dumps are taken in, of whatever owner. */
export const labTenant = { tenant: 'acme', uid: 23_456, slice: '' } as const;

export const labIntake: Intake = {
  seatOf: () => labTenant,
  processes: openTenantProcesses('supervisor'),
  longestMs: 600_000,
};
