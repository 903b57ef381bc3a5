import type { ConditionStatement } from '#schemas/meta/conditions.ts';
import type { Zone, zoneKind } from '#schemas/v1alpha1/zone.ts';
import { PROVIDER_NAMES } from '#runtime/drivers/dns-providers/model.ts';
import type { Outcome, StatusPatch } from '#runtime/manager/controller.ts';
import { challengesIn, lackingName } from '#controllers/claimed-name.ts';
import { toldPlace } from '#controllers/host-holders.ts';
import { placeOf } from '#controllers/place.ts';
import { whereaboutsOf } from '#controllers/whereabouts.ts';
import { dsOf, keyTagOf } from './dnssec.ts';
import { placingOf, type ZoneClusterInputs } from './inputs.ts';

type Statement = Omit<ConditionStatement, 'observedGeneration'>;

export interface ZoneClusterStatusInput {
  readonly inputs: ZoneClusterInputs | undefined;
  readonly outcome: Outcome;
}

/** What the leader says: Claimed and Placed, where the Zone is answered and by which keys, and Ready as long as no agent can say it. */
export function zoneClusterStatus(
  zone: Zone,
  { inputs, outcome }: ZoneClusterStatusInput,
): StatusPatch<typeof zoneKind> | undefined {
  if (zone.status === undefined && outcome.phase === 'synced' && inputs?.name.state === 'Claiming') return undefined;
  const claimed = claimedOf(inputs, outcome);
  const place = inputs === undefined ? whereaboutsOf(zone.status) : toldPlace(zone, placeOf(zone, placingOf(inputs)));
  const placed = placedOf(serverOf(place.host, inputs), claimed);
  // Whoever answers says whether it does.
  const isAnswered = place.host !== undefined || (inputs?.provider !== undefined && claimed.status === 'True');
  const conditions = isAnswered ? [claimed, placed] : [readyOf(claimed, placed), claimed, placed];
  return { fields: { ...place, ...keyFields(zone, inputs) }, conditions };
}

/** While nothing can be said, what was said stays: dropping it would take the signatures away. */
function keyFields(zone: Zone, inputs: ZoneClusterInputs | undefined): StatusPatch<typeof zoneKind>['fields'] {
  if (inputs === undefined) {
    const { dnssec, tsigSecretVersion, challenges } = zone.status ?? {};
    return {
      ...(challenges === undefined ? {} : { challenges }),
      ...(dnssec === undefined ? {} : { dnssec }),
      ...(tsigSecretVersion === undefined ? {} : { tsigSecretVersion }),
    };
  }
  const keys = inputs.keys.map(({ secretName, dnskey }) => ({
    secretName,
    dnskey,
    tag: keyTagOf(dnskey),
    ds: dsOf(zone.spec.name, dnskey),
  }));
  const { tsigSecretVersion } = inputs;
  return {
    ...challengesIn([inputs.name]),
    ...(keys.length === 0 ? {} : { dnssec: { keys } }),
    ...(tsigSecretVersion === undefined ? {} : { tsigSecretVersion }),
  };
}

function claimedOf(inputs: ZoneClusterInputs | undefined, outcome: Outcome): Statement {
  const type = 'Claimed';
  if (inputs === undefined) {
    const said = 'reason' in outcome ? outcome : { reason: 'Claiming', message: 'The name is being claimed.' };
    return { type, status: 'Unknown', reason: said.reason, message: said.message };
  }
  const { name, twin } = inputs;
  const lacking = lackingName([name]);
  if (lacking !== undefined) return { type, status: 'False', ...lacking };
  if (twin !== undefined) {
    return { type, status: 'False', reason: 'ZoneTaken', message: `Zone ${twin} has the name already.` };
  }
  if (outcome.phase === 'failed') return { type, status: 'False', reason: 'ApplyFailed', message: outcome.message };
  if (name.state === 'Claiming') {
    return { type, status: 'False', reason: 'Claiming', message: `${name.hostname} is being claimed.` };
  }
  return { type, status: 'True', reason: 'Claimed', message: 'The name is the tenant’s.' };
}

function serverOf(host: string | undefined, inputs: ZoneClusterInputs | undefined): string | undefined {
  return inputs?.provider === undefined ? host && `host ${host}` : PROVIDER_NAMES[inputs.provider];
}

function placedOf(server: string | undefined, claimed: Statement): Statement {
  const type = 'Placed';
  if (server !== undefined) return { type, status: 'True', reason: 'Placed', message: `Answered by ${server}.` };
  return claimed.status === 'True'
    ? { type, status: 'False', reason: 'TenantNotReady', message: 'The tenant has no host yet.' }
    : { type, status: 'False', reason: claimed.reason, message: 'A host is chosen once the name is the tenant’s.' };
}

function readyOf(claimed: Statement, placed: Statement): Statement {
  const cause = claimed.status === 'True' ? placed : claimed;
  return { type: 'Ready', status: 'False', reason: cause.reason, message: cause.message };
}
