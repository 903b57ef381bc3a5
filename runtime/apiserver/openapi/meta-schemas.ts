import type { Schema } from '#schemas/meta/schema.ts';

/** A schema of a document. `ref` names another one; each OpenAPI version has its own prefix for those. */
export type DocumentSchema = Omit<Schema, 'properties' | 'items' | 'additionalProperties'> & {
  readonly properties?: Readonly<Record<string, DocumentSchema>>;
  readonly items?: DocumentSchema;
  readonly additionalProperties?: DocumentSchema | boolean;
  readonly ref?: string;
};

const text = (description: string): DocumentSchema => ({ type: 'string', description });
const time = (description: string): DocumentSchema => ({ type: 'string', format: 'date-time', description });
const whole = (description: string): DocumentSchema => ({ type: 'integer', format: 'int64', description });
const flag = (description: string): DocumentSchema => ({ type: 'boolean', description });
const texts = (description: string): DocumentSchema => ({
  type: 'object',
  description,
  additionalProperties: { type: 'string', default: '' },
});
const list = (description: string, ref: string): DocumentSchema => ({ type: 'array', description, items: { ref } });

export const API_VERSION = text('Group and version of the schema that this object follows, such as "v1" or "apps/v1".');
export const KIND = text('What sort of object this is, in CamelCase. Cannot be changed.');

/** The schemas of meta/v1 that every document refers to, in our own words. Keys are the kinds. */
export const META_SCHEMAS: Readonly<Record<string, DocumentSchema>> = {
  ObjectMeta: {
    type: 'object',
    description: 'What every object has: its name and place, labels, owners, and what the server notes about it.',
    properties: {
      name: text('Name of the object, unique among its kind within the namespace. Cannot be changed.'),
      generateName: text('Beginning of a name that the server completes when no name is given.'),
      namespace: text('Namespace that the object is in; empty for objects of the whole cluster. Cannot be changed.'),
      labels: texts('Keys and values by which objects are selected.'),
      annotations: texts('Keys and values for people and programs; nothing is selected by them.'),
      uid: text('Identity of this very object, never used again. Set by the server.'),
      resourceVersion: text(
        'Changes with every write. To be passed back unread; an update with an old one is refused.',
      ),
      generation: whole('Counts changes of the desired state. Set by the server.'),
      creationTimestamp: time('When the object was created. Set by the server.'),
      deletionTimestamp: time(
        'When deletion was asked for; the object goes once its finalizers are gone. Set by the server.',
      ),
      deletionGracePeriodSeconds: whole('Seconds that were granted before deletion. Set by the server.'),
      finalizers: {
        type: 'array',
        description: 'What still has to be done before the object may go.',
        items: { type: 'string', default: '' },
        'x-kubernetes-list-type': 'set',
      },
      ownerReferences: {
        ...list('Objects that this one belongs to; when all of them are gone, it goes too.', 'OwnerReference'),
        'x-kubernetes-list-type': 'map',
        'x-kubernetes-list-map-keys': ['uid'],
      },
      managedFields: {
        ...list('Which manager set which fields. Kept by the server.', 'ManagedFieldsEntry'),
        'x-kubernetes-list-type': 'atomic',
      },
      selfLink: text('No longer set.'),
    },
  },
  OwnerReference: {
    type: 'object',
    description: 'An object that another one belongs to.',
    required: ['apiVersion', 'kind', 'name', 'uid'],
    'x-kubernetes-map-type': 'atomic',
    properties: {
      apiVersion: text('Group and version of the owner.'),
      kind: text('Kind of the owner.'),
      name: text('Name of the owner.'),
      uid: text('Identity of the owner; garbage collection goes by it.'),
      controller: flag('Whether this owner is the one that controls the object.'),
      blockOwnerDeletion: flag('Whether a foreground deletion of the owner waits for this object.'),
    },
  },
  ManagedFieldsEntry: {
    type: 'object',
    description: 'The fields that one manager owns.',
    properties: {
      manager: text('Name of the manager.'),
      operation: text('Apply or Update.'),
      apiVersion: text('Version of the schema that the fields are named by.'),
      time: time('When the manager last changed the set.'),
      fieldsType: text('Format of the fields; FieldsV1.'),
      fieldsV1: { ref: 'FieldsV1' },
      subresource: text('Subresource that the change came through.'),
    },
  },
  FieldsV1: { type: 'object', description: 'A set of fields, as nested maps.' },
  ListMeta: {
    type: 'object',
    description: 'What every list has.',
    properties: {
      resourceVersion: text('Version that all objects of the list are consistent at; where a watch may start.'),
      continue: text('Where the next page begins; empty on the last one.'),
      remainingItemCount: whole('How many objects follow on further pages.'),
      selfLink: text('No longer set.'),
    },
  },
  Status: {
    type: 'object',
    description: 'The answer where no object is given back, and to every request that fails.',
    properties: {
      apiVersion: API_VERSION,
      kind: KIND,
      metadata: { ref: 'ListMeta' },
      status: text('Success or Failure.'),
      message: text('What happened, for people.'),
      reason: text('What happened, in one word for programs.'),
      details: { ref: 'StatusDetails' },
      code: { type: 'integer', format: 'int32', description: 'HTTP status code.' },
    },
  },
  StatusDetails: {
    type: 'object',
    description: 'Details of a Status.',
    properties: {
      name: text('Name of the object.'),
      group: text('Group of the object.'),
      kind: text('Kind or resource of the object.'),
      uid: text('Identity of the object.'),
      causes: { ...list('What is wrong, field by field.', 'StatusCause'), 'x-kubernetes-list-type': 'atomic' },
      retryAfterSeconds: { type: 'integer', format: 'int32', description: 'When another try makes sense.' },
    },
  },
  StatusCause: {
    type: 'object',
    description: 'One thing that is wrong.',
    properties: {
      reason: text('What is wrong, in one word for programs.'),
      message: text('What is wrong, for people.'),
      field: text('Path of the field.'),
    },
  },
  DeleteOptions: {
    type: 'object',
    description: 'How something is to be deleted.',
    properties: {
      apiVersion: API_VERSION,
      kind: KIND,
      gracePeriodSeconds: whole('Seconds until the object goes.'),
      preconditions: { ref: 'Preconditions' },
      orphanDependents: flag('Old form of propagationPolicy.'),
      propagationPolicy: text('What happens to dependents: Orphan, Background or Foreground.'),
      dryRun: {
        type: 'array',
        description: 'Set to "All" to have everything checked and nothing deleted.',
        items: { type: 'string', default: '' },
        'x-kubernetes-list-type': 'atomic',
      },
    },
  },
  Preconditions: {
    type: 'object',
    description: 'What must be true of an object for it to be deleted.',
    properties: { uid: text('Its identity.'), resourceVersion: text('Its version.') },
  },
  Patch: { type: 'object', description: 'A change in one of the formats that the Content-Type names.' },
};
