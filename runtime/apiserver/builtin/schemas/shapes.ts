import type { Schema } from '#schemas/meta/schema.ts';
import { held } from './held.ts';
import { timeSchema } from './metadata.ts';

/** Parts of an object beside apiVersion, kind and metadata. */
type Fields = Readonly<Record<string, Schema>>;

/** The schema of a built-in kind. `metadata` is described apart, in metadata.ts. */
export function kindSchema(description: string, fields: Fields, required: readonly string[] = []): Schema {
  return {
    type: 'object',
    description,
    ...(required.length === 0 ? {} : { required }),
    properties: {
      apiVersion: text('Group and version of the kind.'),
      kind: text('Name of the kind.'),
      metadata: { type: 'object', description: 'What every object has.' },
      ...fields,
    },
  };
}

/** A string. */
export function text(description: string): Schema {
  return { type: 'string', description };
}

/** One of a few words. */
export function word(description: string, ...words: readonly string[]): Schema {
  return { type: 'string', description, enum: words };
}

/** A whole number of 32 bits. */
export function integer(description: string): Schema {
  return { type: 'integer', format: 'int32', description };
}

/** Yes or no. */
export function flag(description: string): Schema {
  return { type: 'boolean', description };
}

/** A time in RFC 3339; null counts as none, as older clients send it. */
export function time(description: string): Schema {
  return { ...timeSchema, nullable: true, description };
}

/** The same with microseconds. */
export function microTime(description: string): Schema {
  return held('micro', time(description));
}

/** An object with these fields, merged field by field. */
export function group(description: string, properties: Fields, required: readonly string[] = []): Schema {
  return { type: 'object', description, properties, ...(required.length === 0 ? {} : { required }) };
}

/** The same, but owned and replaced as one value. */
export function whole(schema: Schema): Schema {
  return { ...schema, 'x-kubernetes-map-type': 'atomic' };
}

/** A map from words to strings. */
export function strings(description: string): Schema {
  return { type: 'object', description, additionalProperties: { type: 'string' } };
}

/** A map from words to lists of strings, of which null is one without any. */
export function lists(description: string): Schema {
  return { type: 'object', description, additionalProperties: { ...list('Values.'), nullable: true } };
}

/** A list that is owned and replaced as one value. */
export function list(description: string, items: Schema = { type: 'string' }): Schema {
  return { type: 'array', description, items, 'x-kubernetes-list-type': 'atomic' };
}

/** A list whose items are told apart by these fields. */
export function listBy(keys: readonly string[], description: string, items: Schema): Schema {
  return { type: 'array', description, items, 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': keys };
}

/** The conditions of a status, by type. */
export function conditions(description = 'What is known of the state, by type.', isObserved = true): Schema {
  const condition = group(
    'One aspect of the state.',
    {
      type: held('always', text('What is told about.')),
      status: word('Whether it is so.', 'True', 'False', 'Unknown'),
      ...(isObserved && {
        observedGeneration: {
          type: 'integer',
          format: 'int64',
          description: 'Generation of the object that was looked at.',
        },
      }),
      lastTransitionTime: time('When the status last changed.'),
      reason: text('Why, in one CamelCase word.'),
      message: text('Why, in a sentence.'),
    },
    ['type', 'status'],
  );
  return listBy(['type'], description, condition);
}

/** A link to any object. */
export function reference(description: string): Schema {
  return whole(
    group(description, {
      apiVersion: text('API version of the object.'),
      kind: text('Kind of the object.'),
      namespace: text('Namespace of the object.'),
      name: text('Name of the object.'),
      uid: text('Uid of the object.'),
      resourceVersion: text('State of the object that is meant.'),
      fieldPath: text('Part of the object that is meant, such as `spec.containers{name}`.'),
    }),
  );
}

/** Objects by their labels. */
export const labelSelector: Schema = whole(
  group('Selects objects by their labels; all requirements must hold.', {
    matchLabels: strings('Labels and the values they must have.'),
    matchExpressions: list('Requirements on labels.', {
      type: 'object',
      required: ['key', 'operator'],
      properties: {
        key: held('always', text('The label.')),
        operator: held('always', text('In, NotIn, Exists or DoesNotExist.')),
        values: list('Values for In and NotIn.'),
      },
    }),
  }),
);
