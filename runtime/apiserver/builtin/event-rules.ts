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
  if (isNew && old !== undefined) return changeFaults(event, old);
  const shared = [...placeFaults(event, isNew), ...(has(event, 'eventTime') ? reportFaults(event, isNew) : [])];
  return isNew ? [...shared, ...newFaults(event)] : shared;
}

/** What a new event is about may be in another namespace, when it says so. */
function placeFaults(event: KubeObject, isNew: boolean): readonly FieldFault[] {
  const involved = textAt(event, 'involvedObject', 'namespace');
  const namespace = event.metadata.namespace ?? '';
  const matches = involved === '' ? namespace === 'default' : isNew || involved === namespace;
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
    ...wordFaults(event, 'reportingInstance', 'repotingIntance'),
    ...wordFaults(event, 'action'),
    ...wordFaults(event, 'reason'),
    ...(textAt(event, 'message').length > maxNoteLength ? [tooLong('message', maxNoteLength)] : []),
  ];
}

/** `spelled`: the name that Kubernetes gives to one that is too long. */
function wordFaults(event: KubeObject, field: string, spelled = field): readonly FieldFault[] {
  const word = textAt(event, field);
  return [
    ...(word === '' ? [required(field)] : []),
    ...(word.length > maxWordLength ? [tooLong(spelled, maxWordLength)] : []),
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
