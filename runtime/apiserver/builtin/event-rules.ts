import type { FieldFault } from '#runtime/base/errors.ts';
import { isEqual, isRecord } from '#runtime/base/json.ts';
import { fault } from '#runtime/apiserver/http/api-errors.ts';
import { invalidValue, qualifiedNameProblems } from '#runtime/apiserver/registry/names.ts';
import type { KubeObject } from '#schemas/meta/object.ts';
import { recordAt, textAt } from './fields.ts';

const maxWordLength = 128;
const maxNoteLength = 1024;

/** Rules of events, for an event as core/v1 spells it; those of events.k8s.io are stricter (`isNew`). */
export function eventFaults(event: KubeObject, old: KubeObject | undefined, isNew: boolean): readonly FieldFault[] {
  const shared = [...placeFaults(event), ...(has(event, 'eventTime') ? reportFaults(event, isNew) : [])];
  if (!isNew) return shared;
  return [...shared, ...(old === undefined ? newFaults(event) : changeFaults(event, old))];
}

/** What an event with a time is about may be in another namespace, when it says so; what has none is told of in the namespaces of the system. */
function placeFaults(event: KubeObject): readonly FieldFault[] {
  const involved = textAt(event, 'involvedObject', 'namespace');
  const namespace = event.metadata.namespace ?? '';
  const isTimed = has(event, 'eventTime');
  const isOfSystem = namespace === 'default' || (isTimed && namespace === 'kube-system');
  const matches = involved === '' ? isOfSystem : isTimed || involved === namespace;
  return matches ? [] : [invalidValue('involvedObject.namespace', involved, 'does not match event.namespace')];
}

function has(event: KubeObject, field: string): boolean {
  const value = event[field];
  return value !== undefined && value !== null && value !== '' && value !== 0;
}

/** Whoever tells the time must tell who, what and why. */
function reportFaults(event: KubeObject, isNew: boolean): readonly FieldFault[] {
  const controller = textAt(event, 'reportingComponent');
  const field = isNew ? 'reportingController' : 'reportingComponent';
  return [
    ...(controller === '' ? [required(field)] : []),
    ...qualifiedNameProblems(controller).map((problem) => invalidValue(field, controller, problem)),
    ...wordFaults(event, 'reportingInstance'),
    ...wordFaults(event, 'action'),
    ...wordFaults(event, 'reason'),
    ...(textAt(event, 'message').length > maxNoteLength ? [tooLong('message', maxNoteLength)] : []),
  ];
}

function wordFaults(event: KubeObject, field: string): readonly FieldFault[] {
  const word = textAt(event, field);
  return [
    ...(word === '' ? [required(field)] : []),
    ...(word.length > maxWordLength ? [tooLong(field, maxWordLength)] : []),
  ];
}

function newFaults(event: KubeObject): readonly FieldFault[] {
  const source = recordAt(event, 'source');
  const isSourced = (source['component'] ?? '') !== '' || (source['host'] ?? '') !== '';
  const unwanted = ['firstTimestamp', 'lastTimestamp', 'count'].filter((field) => has(event, field));
  const type = textAt(event, 'type');
  return [
    ...seriesFaults(event),
    ...(has(event, 'eventTime') ? [] : [required('eventTime')]),
    ...(type === 'Normal' || type === 'Warning' ? [] : [invalidValue('type', '', `has invalid value: ${type}`)]),
    ...[...unwanted, ...(isSourced ? ['source'] : [])].map((field) => invalidValue(field, '', 'needs to be unset')),
  ];
}

function seriesFaults(event: KubeObject): readonly FieldFault[] {
  const { series } = event;
  if (!isRecord(series)) return [];
  const { count, lastObservedTime } = series;
  return [
    ...(typeof count === 'number' && count >= 2 ? [] : [invalidValue('series.count', '', 'should be at least 2')]),
    ...(typeof lastObservedTime === 'string' ? [] : [required('series.lastObservedTime')]),
  ];
}

/** What an event told once stays; only its series goes on. */
const fixedFields = [
  'involvedObject',
  'reason',
  'message',
  'source',
  'firstTimestamp',
  'lastTimestamp',
  'count',
  'type',
  'eventTime',
  'action',
  'related',
  'reportingComponent',
  'reportingInstance',
] as const;

const emptyOf: Readonly<Record<string, unknown>> = { reason: '', message: '', count: 0, type: '', action: '' };

const spelledAs: Readonly<Record<string, string>> = {
  reportingComponent: 'reportingController',
};

function changeFaults(event: KubeObject, old: KubeObject): readonly FieldFault[] {
  return [
    ...(isEqual(event['series'], old['series']) ? [] : seriesFaults(event)),
    ...fixedFields
      .filter((field) => !isEqual(event[field], old[field]))
      .map((field) =>
        invalidValue(spelledAs[field] ?? field, event[field] ?? emptyOf[field] ?? null, 'field is immutable'),
      ),
  ];
}

function required(field: string): FieldFault {
  return fault(field, 'FieldValueRequired', 'Required value');
}

function tooLong(field: string, length: number): FieldFault {
  return invalidValue(field, '', `can have at most ${length} characters`);
}
