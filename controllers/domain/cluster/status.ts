import type { Domain, domainKind } from '#schemas/v1alpha1/domain.ts';
import { findCondition, type ConditionStatement } from '#schemas/meta/conditions.ts';
import type { Outcome, StatusPatch } from '#runtime/manager/controller.ts';
import { challengesIn, lackingName } from '#controllers/claimed-name.ts';
import { toldPlace } from '#controllers/host-holders.ts';
import { placeOf } from '#controllers/place.ts';
import { whereaboutsOf } from '#controllers/whereabouts.ts';
import { placingOf, type DomainClusterInputs } from './inputs.ts';

type Statement = Omit<ConditionStatement, 'observedGeneration'>;

export interface DomainClusterStatusInput {
  readonly inputs: DomainClusterInputs | undefined;
  readonly outcome: Outcome;
}

/**
 * What the leader says: Claimed and Placed, where the Domain runs, and Ready as long as no agent can say it.
 * A Domain is placed once one of its names is bound; it stays placed while it is changed, so that what is served goes on.
 * Of a new Domain it says nothing before its claims are answered.
 */
export function domainClusterStatus(
  domain: Domain,
  { inputs, outcome }: DomainClusterStatusInput,
): StatusPatch<typeof domainKind> | undefined {
  if (domain.status === undefined && outcome.phase === 'synced' && isClaiming(inputs)) return undefined;
  const claimed = claimedOf(inputs, outcome);
  const place =
    inputs === undefined ? whereaboutsOf(domain.status) : toldPlace(domain, placeOf(domain, placingOf(inputs)));
  const { host } = place;
  const placed = placedOf(host, claimed);
  const fields = {
    ...place,
    ...(inputs === undefined ? keptFields(domain) : toldFields(inputs)),
  };
  const said = [claimed, placed, ...certificateOf(domain, inputs)];
  return { fields, conditions: host === undefined ? [readyOf(claimed, placed), ...said] : said };
}

/** All that is missing are claims whose binding is a moment away. */
function isClaiming(inputs: DomainClusterInputs | undefined): boolean {
  const states = inputs?.names.map((name) => name.state) ?? [];
  return states.includes('Claiming') && !states.includes('Refused');
}

/** While nothing can be said (the tenant is gone for a moment), what was said stays: dropping it would stop what is served. */
function keptFields(domain: Domain): StatusPatch<typeof domainKind>['fields'] {
  const { hostnames, secrets, tls, challenges, previewHostname } = domain.status ?? {};
  return {
    ...(hostnames === undefined ? {} : { hostnames }),
    ...(secrets === undefined ? {} : { secrets }),
    ...(tls === undefined ? {} : { tls }),
    ...(challenges === undefined ? {} : { challenges }),
    ...(previewHostname === undefined ? {} : { previewHostname }),
  };
}

function toldFields(inputs: DomainClusterInputs): StatusPatch<typeof domainKind>['fields'] {
  const { secrets, tls, previewHostname } = inputs;
  return {
    hostnames: boundNames(inputs),
    ...challengesIn(inputs.names),
    ...(previewHostname === undefined ? {} : { previewHostname }),
    secrets,
    ...(tls === undefined ? {} : { tls: { secretName: tls.secretName, dnsNames: [], ...tls.standing } }),
  };
}

/** Whether there is a certificate; nothing where none is wanted. */
function certificateOf(domain: Domain, inputs: DomainClusterInputs | undefined): readonly Statement[] {
  if (inputs !== undefined) return inputs.tls === undefined ? [] : [{ type: 'CertificateReady', ...inputs.tls.ready }];
  const said = findCondition(domain.status?.conditions, 'CertificateReady');
  if (said === undefined) return [];
  return [{ type: 'CertificateReady', status: said.status, reason: said.reason, message: said.message }];
}

function boundNames(inputs: DomainClusterInputs): readonly string[] {
  return inputs.names.filter((name) => name.state === 'Bound').map((name) => name.hostname);
}

function claimedOf(inputs: DomainClusterInputs | undefined, outcome: Outcome): Statement {
  if (inputs === undefined) {
    const said = 'reason' in outcome ? outcome : { reason: 'Claiming', message: 'The names are being claimed.' };
    return { type: 'Claimed', status: 'Unknown', reason: said.reason, message: said.message };
  }
  const lacking = lackingName(inputs.names);
  if (lacking !== undefined) return { type: 'Claimed', status: 'False', ...lacking };
  const waiting = inputs.names.filter((name) => name.state === 'Claiming').map((name) => name.hostname);
  if (waiting.length > 0 && outcome.phase === 'failed') {
    return { type: 'Claimed', status: 'False', reason: 'ApplyFailed', message: outcome.message };
  }
  if (waiting.length > 0) {
    return {
      type: 'Claimed',
      status: 'False',
      reason: 'Claiming',
      message: `${waiting.slice(0, 3).join(', ')} is being claimed.`,
    };
  }
  return { type: 'Claimed', status: 'True', reason: 'Claimed', message: 'All names are the tenant’s.' };
}

function placedOf(host: string | undefined, claimed: Statement): Statement {
  if (host !== undefined)
    return { type: 'Placed', status: 'True', reason: 'Placed', message: `Served by host ${host}.` };
  return claimed.status === 'True'
    ? { type: 'Placed', status: 'False', reason: 'TenantNotReady', message: 'The tenant has no host yet.' }
    : {
        type: 'Placed',
        status: 'False',
        reason: claimed.reason,
        message: 'A host is chosen once a name is the tenant’s.',
      };
}

function readyOf(claimed: Statement, placed: Statement): Statement {
  const cause = claimed.status === 'True' ? placed : claimed;
  return { type: 'Ready', status: 'False', reason: cause.reason, message: cause.message };
}
