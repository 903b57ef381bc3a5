import { plainStrategy, type Strategy } from '#runtime/apiserver/registry/strategy.ts';
import type { Resource } from '#runtime/apiserver/registry/resource.ts';
import type { KubeObject } from '#schemas/meta/object.ts';
import { eventFaults } from './event-rules.ts';
import { textAt, textReader } from './fields.ts';
import { roundTripObject } from './round-trip.ts';
import { eventSchemas } from './schemas/events.ts';

/** Events are forgotten after an hour, as kube-apiserver does. */
const eventTtlSeconds = 3_600;

/** Events of both groups are one object, stored as core/v1 writes it. Nothing depends on one, and a PUT makes what is not there. */
export const eventStrategy: Strategy = {
  ...plainStrategy,
  names: 'segment',
  ttlSeconds: eventTtlSeconds,
  createOnUpdate: true,
  collected: false,
  qualifiedFinalizers: false,
  toldLast: 'metadata',
  validate: (event, old) => eventFaults(event, old, false),
};

const { toldLast: _, ...withoutOrder } = eventStrategy;

/** The stricter rules of events.k8s.io/v1, told in the words of core/v1 all the same. */
export const newEventStrategy: Strategy = {
  ...withoutOrder,
  names: 'subdomain',
  qualifiedFinalizers: true,
  faultsName: { group: '', resource: 'events', kind: 'Event' },
  validate: (event, old) =>
    eventFaults(newEventConversion.toStored(event), old && newEventConversion.toStored(old), true),
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
  const renamedEvent = { ...Object.fromEntries(entries), apiVersion, kind: 'Event', metadata };
  return roundTripObject(
    eventSchemas[apiVersion === 'v1' ? 'core/v1/Event' : 'events.k8s.io/v1/Event'] ?? {},
    renamedEvent,
  );
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
