import type { RecordChange, RecordSets } from '#schemas/meta/record-set.ts';
import { isEqual } from '#runtime/base/json.ts';
import { ownerId, type Owner } from '#runtime/drivers/driver.ts';
import { recordChanges, recordFieldChanges } from '#runtime/drivers/record-changes.ts';
import { blockedBy, type DnsProvidersAction, type FoundZone, type ProvidedZone, type ProviderState } from './model.ts';

/**
 * What brings a zone at its provider from `observed` to `desired`.
 *
 * | wanted    | there         | ours      | then                                          |
 * | --------- | ------------- | --------- | --------------------------------------------- |
 * | yes       | nothing       | any       | noted as ours, then written                   |
 * | yes       | the same      | no        | noted as ours                                 |
 * | yes       | something     | no        | left alone (`blockedBy`)                      |
 * | yes       | something     | yes       | written                                       |
 * | no        | anything      | yes       | deleted, then no longer noted                 |
 * | no        | anything      | no        | left alone                                    |
 */
export function planProvider(
  owner: Owner,
  desired: ProviderState,
  observed: ProviderState,
): readonly DnsProvidersAction[] {
  const subject = `dns-providers/${ownerId(owner)}`;
  const common = { driver: 'dns-providers', subject, disruption: 'none', changes: [] } as const;
  if (desired === undefined) {
    if (observed === undefined) return [];
    return [{ ...common, op: 'forget-zone', reason: 'no longer wanted', input: { owner: ownerId(owner) } }];
  }
  const { zone, access, request } = desired;
  const input = { owner: ownerId(owner), zone, access };
  const found = foundFor(desired, observed);
  if (found === undefined)
    return [
      {
        ...common,
        op: 'look-at-zone',
        reason: observed === undefined ? 'missing' : 'differs',
        input: { ...input, request },
      },
    ];
  return planRecords({ ...common, input }, { wanted: desired.records, found, ours: observed?.records ?? new Map() });
}

/** What is known, as long as nobody has another key or asked for another look. */
function foundFor({ access, request }: ProvidedZone, observed: ProviderState): FoundZone | undefined {
  return isEqual(access, observed?.access) && request === observed?.request ? observed?.found : undefined;
}

interface Common {
  readonly driver: 'dns-providers';
  readonly subject: string;
  readonly disruption: 'none';
  readonly changes: readonly [];
  readonly input: { readonly owner: string; readonly zone: string; readonly access: ProvidedZone['access'] };
}

interface Known {
  readonly wanted: RecordSets;
  readonly found: FoundZone;
  readonly ours: RecordSets;
}

function planRecords({ input, ...common }: Common, { wanted, found, ours }: Known): readonly DnsProvidersAction[] {
  const blocked = blockedBy(wanted, found);
  const mine = new Map([...wanted].filter(([key]) => !blocked.has(key)));
  // What says the same already is there without a write.
  const there = new Map([...ours, ...[...found.sets].filter(([key]) => mine.has(key) && !found.noted.has(key))]);
  const { put, gone } = recordChanges(mine, plainSets(there));
  const notes = (op: 'note-records' | 'delete-notes', keys: Iterable<string>, reason: string) =>
    ({ ...common, op, reason, input: { ...input, keys: [...keys].toSorted() } }) as const;
  const change = (op: 'put-records' | 'delete-records', records: readonly RecordChange[], reason: string) =>
    records.length === 0
      ? []
      : [{ ...common, op, reason, changes: recordFieldChanges(records, ours), input: { ...input, records } } as const];
  const isNew = [...mine.keys()].some((key) => !found.noted.has(key));
  const isLess = [...found.noted].some((key) => !mine.has(key));
  return [
    ...(isNew ? [notes('note-records', new Set([...found.noted, ...mine.keys()]), 'missing')] : []),
    ...change('put-records', put, 'differs'),
    ...change('delete-records', gone, 'no longer wanted'),
    ...(isLess ? [notes('delete-notes', mine.keys(), 'no longer wanted')] : []),
  ];
}

/** Without what only the provider knows. */
export function plainSets(sets: FoundZone['sets']): RecordSets {
  return new Map([...sets].map(([key, { ttlSeconds, contents }]) => [key, { ttlSeconds, contents }]));
}
