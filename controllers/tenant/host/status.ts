import { tenantDirectory } from '#schemas/meta/tenant-tree.ts';
import { findCondition, type ConditionStatement } from '#schemas/meta/conditions.ts';
import type { Tenant, tenantKind } from '#schemas/v1alpha1/tenant.ts';
import type { Outcome, StatusPatch } from '#runtime/manager/controller.ts';
import { failureMessage } from '#controllers/attempts.ts';
import type { TenantHostInputs } from './gather.ts';

export interface TenantHostStatusInput {
  readonly inputs: TenantHostInputs | undefined;
  readonly outcome: Outcome;
}

/** What the agent says: Ready, which the leader's Accepted is part of, and where the files lie. */
export function tenantHostStatus(
  tenant: Tenant,
  { inputs, outcome }: TenantHostStatusInput,
): StatusPatch<typeof tenantKind> {
  return {
    fields: inputs === undefined ? {} : { directory: `${inputs.root}/${tenantDirectory(tenant.metadata.name)}` },
    conditions: [readyOf(tenant, outcome)],
  };
}

function readyOf(tenant: Tenant, outcome: Outcome): Omit<ConditionStatement, 'observedGeneration'> {
  const type = 'Ready';
  const accepted = findCondition(tenant.status?.conditions, 'Accepted');
  if (tenant.metadata.deletionTimestamp !== undefined) {
    return { type, status: 'False', reason: 'Deleting', message: 'The tenant is being removed.' };
  }
  switch (outcome.phase) {
    case 'pending':
    case 'refused':
      return { type, status: 'False', reason: outcome.reason, message: outcome.message };
    case 'failed':
      return { type, status: 'False', reason: 'ApplyFailed', message: failureMessage(outcome) };
    case 'drifted':
    case 'synced':
      if (accepted?.status === 'False')
        return { type, status: 'False', reason: accepted.reason, message: accepted.message };
      return { type, status: 'True', reason: 'Ready', message: 'The tenant can be used.' };
  }
}
