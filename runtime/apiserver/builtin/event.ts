import { fault } from '#runtime/apiserver/http/api-errors.ts';
import { plainStrategy, type Strategy } from '#runtime/apiserver/registry/strategy.ts';
import type { Resource } from '#runtime/apiserver/registry/resource.ts';
import type { KubeObject } from '#schemas/meta/object.ts';
import { invalidValue } from '#runtime/apiserver/registry/names.ts';
import { textAt, textReader } from './fields.ts';

/** Events are forgotten after an hour, as kube-apiserver does. */
const eventTtlSeconds = 3_600;

/** Events of both groups are one object, stored as core/v1 writes it. */
export const eventStrategy: Strategy = {
  ...plainStrategy,
  ttlSeconds: eventTtlSeconds,
  validate: (event) => {
    const involved = textAt(event, 'involvedObject', 'namespace');
    const namespace = event.metadata.namespace ?? '';
    const matches = involved === namespace || (involved === '' && namespace === 'default');
    return matches ? [] : [invalidValue('involvedObject.namespace', involved, 'does not match event.namespace')];
  },
};

/** The stricter rules of events.k8s.io/v1: when, what was done, and who reports must be told. */
export const newEventStrategy: Strategy = {
  ...eventStrategy,
  validate: (event, old) => {
    const place = textAt(event, 'regarding', 'namespace');
    const namespace = event.metadata.namespace ?? '';
    const matches = place === namespace || (place === '' && namespace === 'default');
    const required = ['reportingController', 'reportingInstance', 'action', 'reason'];
    return [
      ...(matches ? [] : [invalidValue('regarding.namespace', place, 'does not match event.namespace')]),
      ...(old !== undefined || event['eventTime'] !== undefined
        ? []
        : [fault('eventTime', 'FieldValueRequired', 'Required value')]),
      ...(old !== undefined
        ? []
        : required
            .filter((field) => textAt(event, field) === '')
            .map((field) => fault(field, 'FieldValueRequired', 'Required value'))),
    ];
  },
};

/** Names of the same thing: core/v1 on the left, events.k8s.io/v1 on the right. */
const renamed = [
  ['involvedObject', 'regarding'],
  ['message', 'note'],
  ['reportingComponent', 'reportingController'],
  ['source', 'deprecatedSource'],
  ['firstTimestamp', 'deprecatedFirstTimestamp'],
  ['lastTimestamp', 'deprecatedLastTimestamp'],
  ['count', 'deprecatedCount'],
] as const;

const toNew = new Map<string, string>(renamed);
const toCore = new Map<string, string>(renamed.map(([core, fresh]) => [fresh, core]));

/** events.k8s.io/v1 as a view of the stored core/v1 events. */
export const newEventConversion: NonNullable<Resource['conversion']> = {
  fromStored: (event) => converted(event, 'events.k8s.io/v1', toNew),
  toStored: (event) => converted(event, 'v1', toCore),
};

function converted(event: KubeObject, apiVersion: string, names: ReadonlyMap<string, string>): KubeObject {
  const { metadata, ...fields } = event;
  const entries = Object.entries(fields).map(([field, value]) => [names.get(field) ?? field, value] as const);
  return { ...Object.fromEntries(entries), apiVersion, kind: 'Event', metadata };
}

const involved = ['kind', 'namespace', 'name', 'uid', 'apiVersion', 'resourceVersion', 'fieldPath'] as const;

/** What events can be selected by in core/v1. */
export const eventFields = {
  ...Object.fromEntries(involved.map((field) => [`involvedObject.${field}`, textReader('involvedObject', field)])),
  reason: textReader('reason'),
  reportingComponent: textReader('reportingComponent'),
  source: (event: KubeObject): string => {
    const component = textAt(event, 'source', 'component');
    return component === '' ? textAt(event, 'reportingComponent') : component;
  },
  type: textReader('type'),
};

/** The same for events.k8s.io/v1. */
export const newEventFields = {
  ...Object.fromEntries(involved.map((field) => [`regarding.${field}`, textReader('regarding', field)])),
  reason: textReader('reason'),
  reportingController: textReader('reportingController'),
  type: textReader('type'),
};
