import type { ConditionStatement } from '#schemas/meta/conditions.ts';
import type { Tenant, tenantKind } from '#schemas/v1alpha1/tenant.ts';
import type { Outcome, StatusPatch } from '#runtime/manager/controller.ts';
import { toldPlace } from '#controllers/host-holders.ts';
import { defined, whereaboutsOf, type Whereabouts } from '#controllers/whereabouts.ts';
import { placeOf } from './desired.ts';
import type { TenantClusterInputs } from './inputs.ts';
import { suspensionOf } from './suspension.ts';

type Statement = Omit<ConditionStatement, 'observedGeneration'>;

export interface TenantClusterStatusInput {
  readonly inputs: TenantClusterInputs | undefined;
  readonly outcome: Outcome;
  /** RFC 3339. */
  readonly now: string;
}

/** What the leader says: Accepted, Placed, Moving and Suspended, the effective limits, and Ready as long as no agent can say it. */
export function tenantClusterStatus(
  tenant: Tenant,
  { inputs, outcome, now }: TenantClusterStatusInput,
): StatusPatch<typeof tenantKind> {
  const fields = inputs === undefined ? heldFields(tenant) : gatheredFields(tenant, inputs, now);
  const accepted = acceptedOf(inputs, outcome);
  const placed = placedOf(fields.host, accepted, inputs);
  const own = [accepted, placed, ...movingOf(fields, inputs), suspendedOf(fields.effective?.suspendedFor)];
  return { fields, conditions: fields.host === undefined ? [{ ...placed, type: 'Ready' }, ...own] : own };
}

type Fields = Pick<
  NonNullable<Tenant['status']>,
  'host' | 'nextHost' | 'moving' | 'formerHost' | 'movedAt' | 'uid' | 'effective'
>;

function gatheredFields(tenant: Tenant, inputs: TenantClusterInputs, now: string): Fields {
  const place = toldPlace(tenant, defined<Whereabouts>({ ...whereaboutsOf(inputs), host: placeOf(tenant, inputs) }));
  // What is chosen stays chosen, also while the host has to wait for the user id.
  const nextHost = place.nextHost ?? (place.host === undefined ? inputs.host : undefined);
  const uid = inputs.uid.isClaimed ? inputs.uid.number : tenant.status?.uid;
  const isMoved = place.formerHost !== undefined && tenant.status?.formerHost === undefined;
  const movedAt = isMoved ? now : tenant.status?.movedAt;
  return defined({ ...place, nextHost, movedAt, uid, effective: inputs.effective });
}

/** While nothing can be said (a package was removed, a limit is exceeded), what held goes on to hold; a suspension holds all the same. */
function heldFields(tenant: Tenant): Fields {
  const { host, nextHost, moving, formerHost, movedAt, uid, effective } = tenant.status ?? {};
  const suspendedFor = suspensionOf(tenant, []);
  const held = suspendedFor === undefined ? effective : { ...effective, suspended: true, suspendedFor };
  return defined({ host, nextHost, moving, formerHost, movedAt, uid, effective: held });
}

/** Whether what is declared can be had: a tenant that runs goes on as it was while its leader refuses a change. */
function acceptedOf(inputs: TenantClusterInputs | undefined, outcome: Outcome): Statement {
  if ('reason' in outcome) {
    const reason = outcome.phase === 'failed' ? 'ApplyFailed' : outcome.reason;
    return { type: 'Accepted', status: 'False', reason, message: outcome.message };
  }
  if (inputs?.uid.isClaimed === false) {
    return { type: 'Accepted', status: 'False', reason: 'UidClaiming', message: 'A user id is being claimed.' };
  }
  if (inputs?.isQuotaCounted === false) {
    const message = 'The server is counting what is in the namespace.';
    return { type: 'Accepted', status: 'False', reason: 'QuotaPending', message };
  }
  return {
    type: 'Accepted',
    status: 'True',
    reason: 'Accepted',
    message: 'Package, limits and namespace are the tenant’s.',
  };
}

function placedOf(host: string | undefined, accepted: Statement, inputs: TenantClusterInputs | undefined): Statement {
  if (host !== undefined && inputs?.isHostSilent === true) {
    const message = `Runs on host ${host}, of whose agent nothing is heard; what is served there goes on as far as the machine lives.`;
    return { type: 'Placed', status: 'Unknown', reason: 'HostSilent', message };
  }
  if (host !== undefined) return { type: 'Placed', status: 'True', reason: 'Placed', message: `Runs on host ${host}.` };
  if (accepted.status === 'False') return { ...accepted, type: 'Placed' };
  const nextHost = inputs?.nextHost;
  if (nextHost !== undefined) {
    return {
      type: 'Placed',
      status: 'False',
      reason: 'Placing',
      message: `Host ${nextHost} is being given the tenant.`,
    };
  }
  return {
    type: 'Placed',
    status: 'False',
    reason: 'NoHost',
    message: inputs?.unplaced ?? 'No host takes this tenant at the moment.',
  };
}

const phases: Readonly<Record<NonNullable<Fields['moving']>, string>> = {
  Copying: 'Its files are being copied; all is served on.',
  Stilling: 'Its files are being made read-only for the last copy; all is served on.',
  LastCopy: 'What is left is copied, read-only meanwhile; all is served on.',
  Undoing: 'The move is called off; the copies are being removed.',
};

/** Only there while the tenant moves, or should and does not. */
function movingOf(
  { host, nextHost, moving, formerHost }: Fields,
  inputs: TenantClusterInputs | undefined,
): Statement[] {
  const type = 'Moving';
  const move = inputs?.move;
  if (formerHost !== undefined) {
    const message = `The tenant is on host ${host ?? ''}; host ${formerHost} puts aside what it had.`;
    return [{ type, status: 'True', reason: 'Leaving', message }];
  }
  if (host !== undefined && nextHost !== undefined && moving !== undefined) {
    const message = `To host ${nextHost}. ${phases[moving]}${move === undefined ? '' : ` ${move.message}`}`;
    return [{ type, status: 'True', reason: moving, message }];
  }
  return move === undefined ? [] : [{ type, status: 'False', reason: move.reason, message: move.message }];
}

function suspendedOf(sentence: string | undefined): Statement {
  return sentence === undefined
    ? { type: 'Suspended', status: 'False', reason: 'NotSuspended', message: 'The tenant is not suspended.' }
    : { type: 'Suspended', status: 'True', reason: 'Suspended', message: sentence };
}
