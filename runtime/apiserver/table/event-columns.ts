import type { KubeObject } from '#schemas/meta/object.ts';
import { age, column, nameColumn, type TableColumn } from './column.ts';
import { fieldText, nested } from './fields.ts';

const WIDE = { priority: 1 } as const;

/** Columns of events of both groups: events.k8s.io/v1 has other names for the same fields. */
export const eventColumns: readonly TableColumn[] = [
  column({ name: 'Last Seen', description: 'Time since it happened last.' }, (event, now) => age(lastSeen(event), now)),
  column({ name: 'Type', description: 'Normal or Warning.' }, (event) => fieldText(event, 'type')),
  column({ name: 'Reason', description: 'Why it happened, in one word.' }, (event) => fieldText(event, 'reason')),
  column({ name: 'Object', description: 'What it happened to.' }, (event) => {
    const target = targetOf(event);
    return `${fieldText(target, 'kind').toLowerCase()}/${fieldText(target, 'name')}`;
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
  const component = fieldText(event, 'source', 'component') || fieldText(event, 'deprecatedSource', 'component');
  const host = fieldText(event, 'source', 'host') || fieldText(event, 'deprecatedSource', 'host');
  const legacy = [component, host].filter((part) => part !== '').join(', ');
  return (
    legacy ||
    [
      fieldText(event, 'reportingComponent') || fieldText(event, 'reportingController'),
      fieldText(event, 'reportingInstance'),
    ]
      .filter((part) => part !== '')
      .join(', ')
  );
}

function count(event: KubeObject): number {
  const counted = nested(event, 'series', 'count') ?? event['count'] ?? event['deprecatedCount'];
  return typeof counted === 'number' && counted > 0 ? counted : 1;
}

function firstSeen(event: KubeObject): string {
  return (
    fieldText(event, 'firstTimestamp') || fieldText(event, 'deprecatedFirstTimestamp') || fieldText(event, 'eventTime')
  );
}

function lastSeen(event: KubeObject): string {
  return (
    fieldText(event, 'series', 'lastObservedTime') ||
    fieldText(event, 'lastTimestamp') ||
    fieldText(event, 'deprecatedLastTimestamp') ||
    firstSeen(event)
  );
}
