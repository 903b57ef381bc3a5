import { isEqual } from '#runtime/base/json.ts';
import { ownerId, type Owner } from '#runtime/drivers/driver.ts';
import { fieldChanges } from '#runtime/drivers/field-changes.ts';
import { recordChanges, recordFieldChanges } from '#runtime/drivers/record-changes.ts';
import type { RecordChange, RecordSets } from '#schemas/meta/record-set.ts';
import type { PowerdnsAction, ZoneSettings, ZoneState, ZoneTable } from './model.ts';
import { withoutRefused } from './record.ts';

/** What brings one owner's zones from `observed` to `desired`, in order of their names. A zone that is there is changed record by record, never made anew. */
export function planZones(owner: Owner, desired: ZoneTable, observed: ZoneTable): readonly PowerdnsAction[] {
  const names = [...new Set([...observed.keys(), ...desired.keys()])].toSorted();
  return names.flatMap((zone) => planZone({ zone, owner: ownerId(owner) }, desired.get(zone), observed.get(zone)));
}

interface Subject {
  readonly zone: string;
  readonly owner: string;
}

function planZone(
  subject: Subject,
  desired: ZoneState | undefined,
  observed: ZoneState | undefined,
): readonly PowerdnsAction[] {
  const common = commonOf(subject);
  if (desired?.settings === undefined) {
    if (observed === undefined) return [];
    return [{ ...common, op: 'delete-zone', reason: 'no longer wanted', changes: [], input: subject }];
  }
  const { settings, records } = desired;
  if (observed !== undefined) return planChanges(subject, { settings, records }, observed);
  const { put } = recordChanges(records, new Map());
  const changes = [...fieldChanges(undefined, settings), ...recordFieldChanges(put, new Map())];
  const { serial } = desired;
  const input = { ...subject, settings, records: put, ...(serial === undefined ? {} : { serial }) };
  return [{ ...common, op: 'create-zone', reason: 'missing', changes, input }];
}

function commonOf({ zone, owner }: Subject) {
  return { driver: 'powerdns', subject: `powerdns/${owner}/${zone}`, disruption: 'none' } as const;
}

function planChanges(
  subject: Subject,
  { settings, records }: { readonly settings: ZoneSettings; readonly records: RecordSets },
  observed: ZoneState,
): readonly PowerdnsAction[] {
  const common = commonOf(subject);
  const changed = isEqual(settings, observed.settings)
    ? []
    : [{ ...common, changes: fieldChanges(observed.settings, settings), input: { ...subject, settings } }];
  const left =
    observed.settings !== undefined && losesKeys(observed.settings, settings) ? observed.settings : undefined;
  // Whom the server tells of changes hangs on the settings that stand by then.
  const hasSecondaries = (left ?? settings).transfer.to.length > 0;
  const put = changed.map((action) => ({ ...action, op: 'put-settings', reason: 'differs' }) as const);
  const deletion = changed.map((action) => ({ ...action, op: 'delete-keys', reason: 'no longer wanted' }) as const);
  const possible = withoutRefused(records, observed.records, observed.refused ?? {});
  const ofRecords = planRecords({ ...subject, hasSecondaries }, possible, observed.records);
  const inBetween = ofRecords.map((action) => ({ ...common, ...action }));
  // Keys go after everything else: what keeps them keeps nothing but them.
  return left === undefined ? [...put, ...inBetween] : [...inBetween, ...deletion];
}

function losesKeys(observed: ZoneSettings, { keys }: ZoneSettings): boolean {
  return observed.keys.some(({ dnskey }) => !keys.some((key) => key.dnskey === dnskey));
}

interface RecordsSubject extends Subject {
  readonly hasSecondaries: boolean;
}

type RecordAction = Pick<
  Extract<PowerdnsAction, { op: 'put-records' | 'delete-records' }>,
  'op' | 'reason' | 'changes' | 'input'
>;

/** One request for all that is put, and one for what only goes: who holds removals back holds those. */
function planRecords(subject: RecordsSubject, desired: RecordSets, observed: RecordSets): readonly RecordAction[] {
  const { put, gone } = recordChanges(desired, observed);
  const action = (op: RecordAction['op'], records: readonly RecordChange[], reason: string): readonly RecordAction[] =>
    records.length === 0
      ? []
      : [
          {
            op,
            reason,
            changes: recordFieldChanges(records, observed),
            input: { ...subject, records },
          } as RecordAction,
        ];
  return [...action('put-records', put, 'differs'), ...action('delete-records', gone, 'no longer wanted')];
}
