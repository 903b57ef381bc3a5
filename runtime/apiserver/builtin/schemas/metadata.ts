import type { Schema } from '#schemas/meta/schema.ts';
import { held } from './held.ts';

const stringMap = { type: 'object', additionalProperties: { type: 'string' } } as const;

/** A time in RFC 3339. */
export const timeSchema = { type: 'string', format: 'date-time' } as const satisfies Schema;

/**
 * `metadata` of every object, of built-in and custom kinds alike. Its list types rule patches and field ownership:
 * finalizers are a set, owners are told apart by uid, and what managers own is one value.
 */
export const metadataSchema: Schema = {
  type: 'object',
  description: 'What every object has: its name, its labels, who owns it, and what the server noted about it.',
  properties: {
    name: { type: 'string', description: 'Name, unique for the kind in its namespace. It cannot be changed.' },
    generateName: { type: 'string', description: 'Beginning of the name, when the server shall choose the rest.' },
    namespace: {
      type: 'string',
      description: 'Namespace of the object; empty for cluster-scoped kinds. It cannot be changed.',
    },
    selfLink: { type: 'string', description: 'No longer used.' },
    uid: { type: 'string', description: 'Given by the server, never given again.' },
    resourceVersion: {
      type: 'string',
      description: 'Opaque mark of this state of the object, for watches and for updates that must not overwrite.',
    },
    generation: { type: 'integer', format: 'int64', description: 'Counts the changes of the desired state.' },
    creationTimestamp: { ...timeSchema, nullable: true, description: 'When the object was created.' },
    deletionTimestamp: {
      ...timeSchema,
      nullable: true,
      description: 'When deletion was asked for; the object goes once its finalizers are gone.',
    },
    deletionGracePeriodSeconds: {
      type: 'integer',
      format: 'int64',
      description: 'Seconds that the object may take to stop.',
    },
    labels: { ...stringMap, description: 'Short words to select objects by.' },
    annotations: { ...stringMap, description: 'Notes for programs and people, not used to select.' },
    ownerReferences: {
      type: 'array',
      description: 'Objects that this one depends on; when all of them are gone, it is deleted.',
      'x-kubernetes-list-type': 'map',
      'x-kubernetes-list-map-keys': ['uid'],
      items: {
        type: 'object',
        required: ['apiVersion', 'kind', 'name', 'uid'],
        'x-kubernetes-map-type': 'atomic',
        properties: {
          apiVersion: { type: 'string', description: 'API version of the owner.' },
          kind: { type: 'string', description: 'Kind of the owner.' },
          name: { type: 'string', description: 'Name of the owner.' },
          uid: held('always', { type: 'string', description: 'Uid of the owner.' }),
          controller: {
            type: 'boolean',
            description: 'Whether the owner is the one controller that manages this object.',
          },
          blockOwnerDeletion: {
            type: 'boolean',
            description: 'Whether a foreground deletion of the owner waits for this object.',
          },
        },
      },
    },
    finalizers: {
      type: 'array',
      description: 'Who must still clean up before the object may go.',
      'x-kubernetes-list-type': 'set',
      items: { type: 'string' },
    },
    managedFields: {
      type: 'array',
      description: 'Which manager owns which fields.',
      'x-kubernetes-list-type': 'atomic',
      items: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true },
    },
  },
};
