import type { Schema } from '#schemas/meta/schema.ts';
import { held } from './held.ts';
import { group, integer, kindSchema, microTime, reference, text, time } from './shapes.ts';

const source = held(
  'always',
  group('Which component told it.', {
    component: text('Name of the component.'),
    host: text('Host it runs on.'),
  }),
);

const series = (trait: (schema: Schema) => Schema): Schema =>
  held('pointer', {
    ...group('How often it happened in a row.', {
      count: trait(integer('How often.')),
      lastObservedTime: held('always', microTime('When it was last seen.')),
    }),
    nullable: true,
  });

const related = held('pointer', { ...reference('Another object that has to do with it.'), nullable: true });

const coreEvent = held(
  'struct',
  kindSchema(
    'Something that happened to an object, kept for an hour.',
    {
      involvedObject: held('always', reference('The object that it is about.')),
      reason: text('Why, in one CamelCase word.'),
      message: text('What happened, in a sentence.'),
      type: text('Normal or Warning.'),
      source,
      firstTimestamp: held('always', time('When it was first seen.')),
      lastTimestamp: held('always', time('When it was last seen.')),
      count: integer('How often it was seen.'),
      eventTime: held('always', microTime('When it was first seen, with microseconds.')),
      series: series((count) => count),
      action: text('What was done or went wrong.'),
      related,
      reportingComponent: held('always', text('Controller that told it, such as `hosting.wcp360.io/domain`.')),
      reportingInstance: held('always', text('Which replica of the controller.')),
    },
    ['involvedObject'],
  ),
);

const event = held(
  'struct',
  kindSchema('Something that happened to an object, kept for an hour.', {
    regarding: held('always', reference('The object that it is about.')),
    related,
    reason: text('Why, in one CamelCase word.'),
    note: text('What happened, in a sentence.'),
    type: text('Normal or Warning.'),
    action: text('What was done or went wrong.'),
    eventTime: held('always', microTime('When it was first seen, with microseconds.')),
    series: series((count) => held('always', count)),
    reportingController: text('Controller that told it, such as `hosting.wcp360.io/domain`.'),
    reportingInstance: text('Which replica of the controller.'),
    deprecatedSource: source,
    deprecatedFirstTimestamp: held('always', time('When it was first seen, in the older form.')),
    deprecatedLastTimestamp: held('always', time('When it was last seen, in the older form.')),
    deprecatedCount: integer('How often it was seen, in the older form.'),
  }),
);

/** Both views of events; they are stored as one. */
export const eventSchemas: Readonly<Record<string, Schema>> = {
  'core/v1/Event': coreEvent,
  'events.k8s.io/v1/Event': event,
};
