import type { ConditionStatement } from '#schemas/meta/conditions.ts';
import type { Zone, zoneKind } from '#schemas/v1alpha1/zone.ts';
import { refusedAmong, type ZoneTable } from '#runtime/drivers/powerdns/model.ts';
import type { Outcome, ProbeResult, StatusPatch } from '#runtime/manager/controller.ts';
import { attemptsOf, failureMessage } from '#controllers/attempts.ts';
import type { ZoneHostInputs } from './inputs.ts';

type Statement = Omit<ConditionStatement, 'observedGeneration'>;

export interface ZoneStatusInput {
  readonly inputs: ZoneHostInputs | undefined;
  readonly observed: { readonly powerdns: ZoneTable } | undefined;
  readonly outcome: Outcome;
  readonly probes: readonly ProbeResult[];
}

/** What the agent says: Ready, which serial number the server answered with, and whether it took every record. */
export function zoneHostStatus(hostName: string, zone: Zone, input: ZoneStatusInput): StatusPatch<typeof zoneKind> {
  const { inputs, outcome, probes } = input;
  const refused = refusedOf(zone, input);
  const serial = probes.find(({ ok, found }) => ok && found !== undefined)?.found;
  return {
    fields: {
      ...(serial === undefined ? saidBefore(zone) : { servedBy: hostName, serial: Number(serial) }),
      ...(inputs === undefined ? {} : { nameservers: inputs.nameservers }),
      ...(refused.length === 0 ? {} : { refusedRecords: refused }),
      ...attemptsOf(outcome),
    },
    conditions: [readyOf(zone, input), ...(inputs === undefined ? [] : [recordsOf(inputs.unanswered, refused)])],
  };
}

/** What was answered last goes on being answered while something new does not come about. */
function saidBefore({ status }: Zone): StatusPatch<typeof zoneKind>['fields'] {
  const { servedBy, serial } = status ?? {};
  return { ...(servedBy === undefined ? {} : { servedBy }), ...(serial === undefined ? {} : { serial }) };
}

type RefusedRecords = NonNullable<NonNullable<Zone['status']>['refusedRecords']>;

/** What was found last stays while nobody can look. */
function refusedOf({ status }: Zone, { inputs, observed }: ZoneStatusInput): RefusedRecords {
  if (inputs === undefined || observed === undefined) return status?.refusedRecords ?? [];
  const { refused = {} } = observed.powerdns.get(inputs.zone) ?? {};
  return refusedAmong(inputs.records, refused).map(({ record, words }) => ({ record, message: words }));
}

function readyOf(zone: Zone, { outcome, probes }: ZoneStatusInput): Statement {
  const notReady = (reason: string, message: string): Statement => ({
    type: 'Ready',
    status: 'False',
    reason,
    message,
  });
  if (zone.metadata.deletionTimestamp !== undefined) return notReady('Deleting', 'The zone is being taken down.');
  switch (outcome.phase) {
    case 'pending':
    case 'refused':
      return notReady(outcome.reason, outcome.message);
    case 'failed':
      return notReady(outcome.reason, failureMessage(outcome));
    case 'drifted':
    case 'synced': {
      const failed = probes.find(({ ok }) => !ok);
      if (failed !== undefined) return notReady(failed.reason, failed.message);
      const message = `The name server answers for ${zone.spec.name}.`;
      return { type: 'Ready', status: 'True', reason: 'Answered', message };
    }
  }
}

function recordsOf(unanswered: readonly string[], refused: RefusedRecords): Statement {
  const type = 'RecordsAccepted';
  const told = [...unanswered, ...refused.map(({ record }) => `for ${record.split(' ').toReversed().join(' of ')}`)];
  if (told.length === 0) return { type, status: 'True', reason: 'Answered', message: 'All records are answered.' };
  const more = told.length > 5 ? ` and ${String(told.length - 5)} more` : '';
  const message = `DNSRecord ${told.slice(0, 5).join(', ')}${more} ${told.length === 1 ? 'is' : 'are'} not answered; see there.`;
  return { type, status: 'False', reason: 'RecordsRefused', message };
}
