import { PATTERNS } from './patterns.ts';
import type { Schema } from './schema.ts';

/** Pieces that schemas of kinds are put together from. Every string has a maximum, so that the cost of CEL rules stays bounded. */

export const LENGTHS = {
  hostname: 253,
  wildcard: 247,
  name: 253,
  label: 63,
  quantity: 32,
  duration: 32,
  message: 1024,
} as const;

/** An object of the same namespace (or a cluster-scoped one) by name. */
export function objectReference<const D extends string>(description: D) {
  return {
    type: 'object',
    description,
    required: ['name'],
    properties: {
      name: {
        type: 'string',
        description: 'Name of the object.',
        minLength: 1,
        maxLength: LENGTHS.name,
        pattern: PATTERNS.objectName,
      },
    },
  } as const satisfies Schema;
}

/** An Issuer of the same namespace, or a ClusterIssuer. */
export const issuerReference = {
  type: 'object',
  description: 'Where the certificate comes from.',
  required: ['name'],
  properties: {
    kind: {
      type: 'string',
      description: 'ClusterIssuer, or Issuer for one of the same namespace.',
      enum: ['Issuer', 'ClusterIssuer'],
      default: 'ClusterIssuer',
    },
    name: nameField('Its name.'),
  },
} as const satisfies Schema;

export function hostnameField<const D extends string>(description: D) {
  return {
    type: 'string',
    description,
    maxLength: LENGTHS.hostname,
    pattern: PATTERNS.hostname,
  } as const satisfies Schema;
}

/** A byte quantity: `64Mi`, or a plain number of bytes. */
export function bytesField<const D extends string>(description: D) {
  return {
    'x-kubernetes-int-or-string': true,
    description,
    maxLength: LENGTHS.quantity,
    minimum: 0,
    pattern: PATTERNS.bytes,
  } as const satisfies Schema;
}

/** CPU: `500m`, `2`. */
export function cpuField<const D extends string>(description: D) {
  return {
    'x-kubernetes-int-or-string': true,
    description,
    maxLength: LENGTHS.quantity,
    minimum: 0,
    pattern: PATTERNS.quantity,
  } as const satisfies Schema;
}

export function countField<const D extends string>(description: D) {
  return { type: 'integer', description, format: 'int32', minimum: 0, maximum: 1_000_000 } as const satisfies Schema;
}

export function durationField<const D extends string>(description: D) {
  return {
    type: 'string',
    description,
    maxLength: LENGTHS.duration,
    pattern: PATTERNS.duration,
  } as const satisfies Schema;
}

/** How long an answer of the DNS may be remembered: `5m`. */
export function timeToLiveField<const D extends string>(description: D) {
  return {
    type: 'string',
    description,
    minLength: 2,
    maxLength: 32,
    pattern: PATTERNS.timeToLive,
  } as const satisfies Schema;
}

export function timeField<const D extends string>(description: D) {
  return { type: 'string', description, format: 'date-time', maxLength: 35 } as const satisfies Schema;
}

/** A sentence or word that we write into a status. */
export function textField<const D extends string>(description: D) {
  return { type: 'string', description, maxLength: LENGTHS.message } as const satisfies Schema;
}

/** A name in a status or a claim. */
export function nameField<const D extends string>(description: D) {
  return {
    type: 'string',
    description,
    maxLength: LENGTHS.name,
    pattern: PATTERNS.objectName,
  } as const satisfies Schema;
}

/** `status.conditions`: merged by type, so that each writer owns its own. */
export const conditionsField = {
  type: 'array',
  description: 'What is so at the moment, one entry per concern; `Ready` sums up.',
  maxItems: 32,
  'x-kubernetes-list-type': 'map',
  'x-kubernetes-list-map-keys': ['type'],
  items: {
    type: 'object',
    description: 'One aspect of the state.',
    required: ['type', 'status', 'lastTransitionTime', 'reason', 'message'],
    properties: {
      type: { type: 'string', description: 'The state in question, such as `Ready`.', maxLength: 316 },
      status: { type: 'string', description: 'Whether it is so.', enum: ['True', 'False', 'Unknown'] },
      observedGeneration: {
        type: 'integer',
        description: 'Generation of the object that this was found for.',
        format: 'int64',
        minimum: 0,
      },
      lastTransitionTime: timeField('When `status` last changed.'),
      reason: { type: 'string', description: 'Why, as one word for programs.', maxLength: LENGTHS.message },
      message: { type: 'string', description: 'Why, as a sentence for people.', maxLength: 32_768 },
    },
  },
} as const satisfies Schema;

export const observedGenerationField = {
  type: 'integer',
  description: 'Generation of the object that the status speaks of.',
  format: 'int64',
  minimum: 0,
} as const satisfies Schema;

export const lastHandledRequestField = textField(
  'The last value of the annotation `hosting.wcp360.io/requested-at` that was acted on.',
);

/** Of something that is tried again by itself. */
export const attemptFields = {
  attempts: {
    type: 'integer',
    description: 'Failed attempts in a row; absent when the last one went well.',
    format: 'int32',
    minimum: 0,
  },
  nextTryAt: timeField('When the next attempt is made.'),
} as const satisfies Readonly<Record<string, Schema>>;

/** Where everything that runs on a host is, where it goes, and where it was. */
export const placementFields = {
  host: nameField('The host that this runs on; written by placement.'),
  nextHost: nameField('The host that this moves to.'),
  moving: {
    type: 'string',
    description:
      'How far a move to nextHost is. Copying: files are copied while everything goes on. Stilling: files are made read-only where they are. LastCopy: what is left is copied, and the next host begins to serve. Undoing: the move is called off.',
    enum: ['Copying', 'Stilling', 'LastCopy', 'Undoing'],
  },
  formerHost: nameField('The host that this was moved from, until nothing of it is left there.'),
} as const satisfies Readonly<Record<string, Schema>>;

/** By which an agent finds what concerns its host. */
export const SELECTABLE_PLACEMENT = ['.status.host', '.status.nextHost', '.status.formerHost'] as const;

/** What becomes of changes that somebody else makes where we work. */
export const driftField = {
  type: 'string',
  description:
    'What happens when somebody changes what we made on the host: Enforce repairs it, Warn only tells, Observe changes nothing at all.',
  enum: ['Enforce', 'Warn', 'Observe'],
  default: 'Enforce',
} as const satisfies Schema;

/** `matchLabels` and `matchExpressions`. */
export function labelSelectorField<const D extends string>(description: D) {
  return {
    type: 'object',
    description,
    properties: {
      matchLabels: {
        type: 'object',
        description: 'Labels that must have exactly these values.',
        maxProperties: 32,
        additionalProperties: {
          type: 'string',
          description: 'Value of the label.',
          maxLength: LENGTHS.label,
          pattern: PATTERNS.labelValue,
        },
      },
      matchExpressions: {
        type: 'array',
        description: 'Further requirements; all must hold.',
        maxItems: 32,
        items: {
          type: 'object',
          description: 'One requirement.',
          required: ['key', 'operator'],
          properties: {
            key: { type: 'string', description: 'Key of the label.', maxLength: 317, pattern: PATTERNS.labelKey },
            operator: {
              type: 'string',
              description: 'How the label relates to the values.',
              enum: ['In', 'NotIn', 'Exists', 'DoesNotExist'],
            },
            values: {
              type: 'array',
              description: 'Values for In and NotIn.',
              maxItems: 64,
              items: {
                type: 'string',
                description: 'One value.',
                maxLength: LENGTHS.label,
                pattern: PATTERNS.labelValue,
              },
            },
          },
        },
      },
    },
  } as const satisfies Schema;
}
