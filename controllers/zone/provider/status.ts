import type { ConditionStatement } from '#schemas/meta/conditions.ts';
import type { Zone, zoneKind } from '#schemas/v1alpha1/zone.ts';
import { blockedBy, PROVIDER_NAMES, type FoundZone } from '#runtime/drivers/dns-providers/model.ts';
import type { Outcome, ProbeResult, StatusPatch } from '#runtime/manager/controller.ts';
import { attemptsOf, failureMessage } from '#controllers/attempts.ts';
import { providerUseOf } from '#controllers/zone-provider.ts';
import type { ZoneProviderInputs } from './inputs.ts';

type Statement = Omit<ConditionStatement, 'observedGeneration'>;

export interface ZoneProviderStatusInput {
  readonly inputs: ZoneProviderInputs | undefined;
  readonly found: FoundZone | undefined;
  readonly outcome: Outcome;
  readonly probes: readonly ProbeResult[];
}

/** What is said of a Zone at a provider: Ready, what the registrar needs, which records others have made, and whether answers are signed. */
export function zoneProviderStatus(zone: Zone, input: ZoneProviderStatusInput): StatusPatch<typeof zoneKind> {
  const { inputs, found, outcome } = input;
  // Before the name is the tenant's others speak.
  if (outcome.phase === 'pending' && outcome.reason === 'Claiming') return { fields: {}, conditions: [] };
  const ready = readyOf(zone, input);
  if (inputs === undefined || found === undefined)
    return { fields: { ...saidBefore(zone), ...attemptsOf(outcome) }, conditions: [ready] };
  const blocked = [...blockedBy(inputs.records, found).keys()].toSorted();
  return {
    fields: { nameservers: found.place.nameservers, provider: { blocked, ...dsOf(found) }, ...attemptsOf(outcome) },
    conditions: [ready, recordsOf(inputs, blocked), signedOf(inputs, found)],
  };
}

/** What was answered last goes on being answered while nobody can look. */
function saidBefore({ status }: Zone): StatusPatch<typeof zoneKind>['fields'] {
  const { nameservers, provider: { blocked, ds } = {} } = status ?? {};
  const provider = { ...(blocked === undefined ? {} : { blocked }), ...(ds === undefined ? {} : { ds }) };
  return {
    ...(nameservers === undefined ? {} : { nameservers }),
    ...(Object.keys(provider).length === 0 ? {} : { provider }),
  };
}

function dsOf({ place: { signing } }: FoundZone): { readonly ds?: readonly string[] } {
  return signing.state === 'Signed' && signing.ds.length > 0 ? { ds: signing.ds } : {};
}

function readyOf(zone: Zone, { inputs, outcome, probes }: ZoneProviderStatusInput): Statement {
  const said = (status: 'True' | 'False', reason: string, message: string): Statement => ({
    type: 'Ready',
    status,
    reason,
    message,
  });
  if (zone.metadata.deletionTimestamp !== undefined)
    return { type: 'Ready', status: 'False', ...departureOf(zone, outcome) };
  switch (outcome.phase) {
    case 'pending':
    case 'refused':
      return said('False', outcome.reason, outcome.message);
    case 'failed':
      return said('False', outcome.reason, failureMessage(outcome));
    case 'drifted':
    case 'synced': {
      const failed = probes.find(({ ok }) => !ok);
      if (failed !== undefined) return said('False', failed.reason, failed.message);
      const name = inputs === undefined ? 'The provider' : PROVIDER_NAMES[inputs.access.provider];
      return said('True', 'Answered', `${name} answers for ${zone.spec.name}.`);
    }
  }
}

/** Who cannot take our records away may leave them: without the Secret the Zone goes alone. */
function departureOf(zone: Zone, outcome: Outcome): Pick<Statement, 'reason' | 'message'> {
  if (outcome.phase !== 'failed' && outcome.phase !== 'refused')
    return { reason: 'Deleting', message: 'Records of ours are being taken away at the provider.' };
  const secret = providerUseOf(zone)?.secretName ?? '';
  const message = `Records of ours cannot be taken away: ${outcome.message.replace(/[.]$/, '')}. To leave them there delete Secret ${secret}.`;
  return { reason: outcome.reason, message };
}

const mostShown = 5;

function recordsOf({ unanswered }: ZoneProviderInputs, blocked: readonly string[]): Statement {
  const type = 'RecordsAccepted';
  const all = [...unanswered.map((name) => `DNSRecord ${name}`), ...blocked];
  if (all.length === 0) return { type, status: 'True', reason: 'Answered', message: 'All records are answered.' };
  const more = all.length > mostShown ? ` and ${String(all.length - mostShown)} more` : '';
  const message = `${all.slice(0, mostShown).join(', ')}${more}: not answered; the DNSRecords say why.`;
  return { type, status: 'False', reason: 'RecordsRefused', message };
}

/** Whoever answers signs: nothing that is declared here can do it. */
function signedOf({ access }: ZoneProviderInputs, { place: { signing } }: FoundZone): Statement {
  const type = 'Signed';
  const name = PROVIDER_NAMES[access.provider];
  switch (signing.state) {
    case 'Signed': {
      const ds = signing.ds.length === 0 ? '' : ` The registrar has to have the DS ${signing.ds.join('; ')}.`;
      return { type, status: 'True', reason: 'SignedByProvider', message: `${name} signs by keys of its own.${ds}` };
    }
    case 'NotSigned': {
      const message = `${name} does not sign the zone: turn DNSSEC on there. spec.dnssec does not count at a provider.`;
      return { type, status: 'False', reason: 'NotSigned', message };
    }
    case 'Unsupported': {
      const message = `${name} signs no zones. spec.dnssec does not count at a provider.`;
      return { type, status: 'False', reason: 'DnssecUnsupported', message };
    }
    case 'Unknown':
      return {
        type,
        status: 'Unknown',
        reason: 'NotTold',
        message: `${name} does not tell whether it signs the zone.`,
      };
  }
}
