import type { Schema } from '#schemas/meta/schema.ts';
import { group, integer, kindSchema, reference, text, time } from './shapes.ts';

const source = group('Which component told it.', {
  component: text('Name of the component.'),
  host: text('Host it runs on.'),
});

const series = group('How often it happened in a row.', {
  count: integer('How often.'),
  lastObservedTime: time('When it was last seen.'),
});

const coreEvent = kindSchema(
  'Something that happened to an object, kept for an hour.',
  {
    involvedObject: reference('The object that it is about.'),
    reason: text('Why, in one CamelCase word.'),
    message: text('What happened, in a sentence.'),
    type: text('Normal or Warning.'),
    source,
    firstTimestamp: time('When it was first seen.'),
    lastTimestamp: time('When it was last seen.'),
    count: integer('How often it was seen.'),
    eventTime: time('When it was first seen, with microseconds.'),
    series: { ...series, nullable: true },
    action: text('What was done or went wrong.'),
    related: { ...reference('Another object that has to do with it.'), nullable: true },
    reportingComponent: text('Controller that told it, such as `hosting.wcp360.io/domain`.'),
    reportingInstance: text('Which replica of the controller.'),
  },
  ['involvedObject'],
);

const event = kindSchema('Something that happened to an object, kept for an hour.', {
  regarding: reference('The object that it is about.'),
  related: { ...reference('Another object that has to do with it.'), nullable: true },
  reason: text('Why, in one CamelCase word.'),
  note: text('What happened, in a sentence.'),
  type: text('Normal or Warning.'),
  action: text('What was done or went wrong.'),
  eventTime: time('When it was first seen, with microseconds.'),
  series: { ...series, nullable: true },
  reportingController: text('Controller that told it, such as `hosting.wcp360.io/domain`.'),
  reportingInstance: text('Which replica of the controller.'),
  deprecatedSource: source,
  deprecatedFirstTimestamp: time('When it was first seen, in the older form.'),
  deprecatedLastTimestamp: time('When it was last seen, in the older form.'),
  deprecatedCount: integer('How often it was seen, in the older form.'),
});

/** Both views of events; they are stored as one. */
export const eventSchemas: Readonly<Record<string, Schema>> = {
  'core/v1/Event': coreEvent,
  'events.k8s.io/v1/Event': event,
};
