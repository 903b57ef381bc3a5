import { isRecord } from '#runtime/base/json.ts';
import type { KubeObject } from '#schemas/meta/object.ts';
import { age, column, nameColumn, type TableColumn } from './column.ts';
import { fieldText } from './fields.ts';

const WIDE = { priority: 1 } as const;

/** Columns of events of both groups: events.k8s.io/v1 has other names for the same fields. */
export const eventColumns: readonly TableColumn[] = [
  column({ name: 'Last Seen', description: 'Time since it happened last.' }, (event, now) => age(lastSeen(event), now)),
  column({ name: 'Type', description: 'Normal or Warning.' }, (event) => fieldText(event, 'type')),
  column({ name: 'Reason', description: 'Why it happened, in one word.' }, (event) => fieldText(event, 'reason')),
  column({ name: 'Object', description: 'What it happened to.' }, (event) => {
    const target = targetOf(event);
    const [kind, name] = [fieldText(target, 'kind').toLowerCase(), fieldText(target, 'name')];
    return name === '' ? kind : `${kind}/${name}`;
  }),
  column({ ...WIDE, name: 'Subobject', description: 'Which part of it.' }, (event) =>
    fieldText(targetOf(event), 'fieldPath'),
  ),
  column({ ...WIDE, name: 'Source', description: 'Who told it.' }, source),
  column({ name: 'Message', description: 'What happened.' }, (event) => message(event)),
  column({ ...WIDE, name: 'First Seen', description: 'Time since it happened first.' }, (event, now) =>
    age(firstSeen(event), now),
  ),
  column({ ...WIDE, name: 'Count', type: 'string', description: 'How often it happened.' }, count),
  { ...nameColumn, definition: { ...nameColumn.definition, ...WIDE } },
];

function targetOf(event: KubeObject): unknown {
  return event['involvedObject'] ?? event['regarding'];
}

function message(event: KubeObject): string {
  return (fieldText(event, 'message') || fieldText(event, 'note')).trim();
}

function source(event: KubeObject): string {
  const [component, instance] = [
    ['component', 'reportingComponent', 'reportingController'],
    ['host', 'reportingInstance'],
  ].map(
    ([legacy = '', ...others]) =>
      fieldText(event, 'source', legacy) ||
      fieldText(event, 'deprecatedSource', legacy) ||
      (others.map((other) => fieldText(event, other)).find((text) => text !== '') ?? ''),
  );
  return instance === '' ? `${component}` : `${component}, ${instance}`;
}

function count(event: KubeObject): number {
  if (isRecord(event['series'])) return Number(event['series']['count'] ?? 0);
  const counted = event['count'] ?? event['deprecatedCount'];
  return typeof counted === 'number' && counted !== 0 ? counted : 1;
}

function firstSeen(event: KubeObject): string {
  return (
    fieldText(event, 'firstTimestamp') || fieldText(event, 'deprecatedFirstTimestamp') || fieldText(event, 'eventTime')
  );
}

function lastSeen(event: KubeObject): string {
  if (isRecord(event['series'])) return fieldText(event, 'series', 'lastObservedTime');
  return fieldText(event, 'lastTimestamp') || fieldText(event, 'deprecatedLastTimestamp') || firstSeen(event);
}
