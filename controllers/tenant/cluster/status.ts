import type { ConditionStatement } from '#schemas/meta/conditions.ts';
import type { Tenant, tenantKind } from '#schemas/v1alpha1/tenant.ts';
import type { Outcome, StatusPatch } from '#runtime/manager/controller.ts';
import type { TenantClusterInputs } from './inputs.ts';

type Statement = Omit<ConditionStatement, 'observedGeneration'>;

export interface TenantClusterStatusInput {
  readonly inputs: TenantClusterInputs | undefined;
  readonly outcome: Outcome;
}

/** What the leader says: Placed and Suspended, the effective limits, and Ready as long as no agent can say it. */
export function tenantClusterStatus(tenant: Tenant, { inputs, outcome }: TenantClusterStatusInput): StatusPatch<typeof tenantKind> {
  const host = inputs?.uid.isClaimed === true ? inputs.host : tenant.status?.host;
  const placed = placedOf(host, inputs, outcome);
  const suspended = suspendedOf(inputs?.effective.suspendedFor ?? (inputs === undefined ? tenant.status?.effective?.suspendedFor : undefined));
  const fields = {
    ...(host === undefined ? {} : { host }),
    ...factsOf(tenant, inputs),
  };
  return { fields, conditions: host === undefined ? [{ ...placed, type: 'Ready' }, placed, suspended] : [placed, suspended] };
}

/** While nothing can be said (a package was removed, a limit is exceeded), what held goes on to hold. */
function factsOf(tenant: Tenant, inputs: TenantClusterInputs | undefined): StatusPatch<typeof tenantKind>['fields'] {
  const uid = inputs?.uid.isClaimed === true ? inputs.uid.number : tenant.status?.uid;
  const effective = inputs?.effective ?? tenant.status?.effective;
  return { ...(uid === undefined ? {} : { uid }), ...(effective === undefined ? {} : { effective }) };
}

function placedOf(host: string | undefined, inputs: TenantClusterInputs | undefined, outcome: Outcome): Statement {
  if ('reason' in outcome) {
    const reason = outcome.phase === 'failed' ? 'ApplyFailed' : outcome.reason;
    return { type: 'Placed', status: 'False', reason, message: outcome.message };
  }
  if (inputs?.uid.isClaimed === false) {
    return { type: 'Placed', status: 'False', reason: 'UidClaiming', message: 'A user id is being claimed.' };
  }
  if (host !== undefined) return { type: 'Placed', status: 'True', reason: 'Placed', message: `Runs on host ${host}.` };
  return { type: 'Placed', status: 'False', reason: 'NoHost', message: inputs?.unplaced ?? 'No host takes this tenant at the moment.' };
}

function suspendedOf(sentence: string | undefined): Statement {
  return sentence === undefined
    ? { type: 'Suspended', status: 'False', reason: 'NotSuspended', message: 'The tenant is not suspended.' }
    : { type: 'Suspended', status: 'True', reason: 'Suspended', message: sentence };
}
