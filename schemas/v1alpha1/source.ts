import {
  conditionsField,
  durationField,
  lastHandledRequestField,
  LENGTHS,
  nameField,
  objectReference,
  observedGenerationField,
  textField,
  timeField,
} from '#schemas/meta/fragments.ts';
import { defineKind, type ResourceOf } from '#schemas/meta/kind.ts';
import { PATTERNS } from '#schemas/meta/patterns.ts';
import type { Schema } from '#schemas/meta/schema.ts';

/** The most objects that one Source may hold: its inventory stands in its status. */
export const MOST_OBJECTS = 5_000;

const refField = <const D extends string>(description: D) =>
  ({ type: 'string', description, minLength: 1, maxLength: 200, pattern: PATTERNS.gitRef }) as const satisfies Schema;

const gitField = {
  type: 'object',
  description: 'A Git repository.',
  required: ['url'],
  properties: {
    url: {
      type: 'string',
      description:
        '`https://host/path` or `ssh://user@host/path`, without a password; for Sources of the platform also `file:///path`.',
      maxLength: 1024,
      pattern: PATTERNS.gitUrl,
    },
    ref: {
      type: 'object',
      description: 'Which commit; what the repository itself has checked out when absent.',
      default: {},
      properties: { branch: refField('The newest one of this branch.'), tag: refField('The one with this tag.') },
      'x-kubernetes-validations': [
        { rule: '!(has(self.branch) && has(self.tag))', message: 'at most one of branch and tag' },
      ],
    },
    path: {
      type: 'string',
      description: 'Directory in the repository; the whole of it when absent.',
      minLength: 1,
      maxLength: LENGTHS.message,
      pattern: PATTERNS.relativePath,
    },
    secretRef: objectReference(
      'A Secret of the same namespace: `ssh-privatekey` (or `identity`) and `known_hosts` for SSH; `username`, `password` (a token) and `ca.crt` for HTTPS.',
    ),
    verify: {
      type: 'object',
      description: 'Take signed commits only.',
      required: ['secretRef'],
      properties: {
        secretRef: objectReference(
          'A Secret of the same namespace with the keys that count: `allowed_signers` for SSH, OpenPGP keys under names that end in `.asc`.',
        ),
      },
    },
  },
} as const satisfies Schema;

const changeField = {
  type: 'object',
  description: 'One change.',
  required: ['action', 'object'],
  properties: {
    action: { type: 'string', description: 'What was done.', enum: ['Created', 'Configured', 'Pruned'] },
    object: textField('To which object: `Domain.hosting.wcp360.io/acme/shop`.'),
  },
} as const satisfies Schema;

const faultField = {
  type: 'object',
  description: 'One fault.',
  required: ['file', 'line', 'message'],
  properties: {
    file: { type: 'string', description: 'The file, below the directory or the repository.', maxLength: 4096 },
    line: { type: 'integer', description: 'The line where the document begins, or the fault stands.', minimum: 0 },
    message: textField('What is wrong.'),
  },
} as const satisfies Schema;

export const sourceKind = defineKind({
  group: 'hosting.wcp360.io',
  version: 'v1alpha1',
  kind: 'Source',
  plural: 'sources',
  singular: 'source',
  shortNames: ['wsrc'],
  categories: ['hosting'],
  scope: 'Namespaced',
  description:
    'A directory or a Git repository whose manifests are applied, and kept applied, with the rights of a ServiceAccount of the same namespace.',
  spec: {
    type: 'object',
    description: 'Where manifests come from and what is done with them.',
    properties: {
      git: gitField,
      directory: {
        type: 'object',
        description: 'A directory where the controller runs; for Sources of the platform only.',
        required: ['path'],
        properties: {
          path: {
            type: 'string',
            description: 'Absolute path. It is watched: changes are applied at once.',
            maxLength: 4096,
            pattern: PATTERNS.absolutePath,
          },
        },
      },
      interval: {
        ...durationField('How often it is looked at, for what changed there and for what was changed here by hand.'),
        default: '1m',
        'x-kubernetes-validations': [{ rule: "duration(self) >= duration('5s')", message: 'at least 5s' }],
      },
      prune: {
        type: 'boolean',
        description: 'Delete objects that were applied from here and are there no longer.',
        default: false,
      },
      suspend: {
        type: 'boolean',
        description: 'Look at nothing and change nothing for the time being.',
        default: false,
      },
      serviceAccountName: {
        ...nameField('The account that everything is done as; its rights alone bound what may be applied.'),
        default: 'default',
      },
    },
  },
  validations: [
    {
      rule: 'has(self.spec.git) != has(self.spec.directory)',
      message: 'exactly one of git and directory',
      fieldPath: '.spec',
    },
  ],
  status: {
    type: 'object',
    description: 'What was found and what was done.',
    properties: {
      observedGeneration: observedGenerationField,
      lastHandledRequestAt: lastHandledRequestField,
      revision: textField('What is applied, completely: `main@sha1:…`, or `sha256:…` of a directory.'),
      attemptedRevision: textField('What was found at the last look.'),
      lastAppliedTime: timeField('When something was last changed.'),
      changes: {
        type: 'array',
        description: 'What was changed then: the first hundred.',
        maxItems: 100,
        'x-kubernetes-list-type': 'atomic',
        items: changeField,
      },
      drift: {
        type: 'array',
        description:
          'Objects that somebody had changed or deleted here, and that were put back at the last look: the first hundred.',
        maxItems: 100,
        'x-kubernetes-list-type': 'atomic',
        items: textField('An object: `Domain.hosting.wcp360.io/acme/shop`.'),
      },
      faults: {
        type: 'array',
        description: 'What is wrong with what was found: the first twenty.',
        maxItems: 20,
        'x-kubernetes-list-type': 'atomic',
        items: faultField,
      },
      inventory: {
        type: 'array',
        description: 'Every object that was applied from here; what is no longer found is pruned by this list.',
        maxItems: 2 * MOST_OBJECTS,
        'x-kubernetes-list-type': 'atomic',
        items: textField('An object: `Domain.hosting.wcp360.io/acme/shop`.'),
      },
      conditions: conditionsField,
    },
  },
  columns: [
    {
      name: 'Ready',
      type: 'string',
      jsonPath: '.status.conditions[?(@.type=="Ready")].status',
      description: 'Whether everything of the newest revision is applied.',
    },
    { name: 'Revision', type: 'string', jsonPath: '.status.revision', description: 'What is applied.' },
    {
      name: 'Status',
      type: 'string',
      jsonPath: '.status.conditions[?(@.type=="Ready")].message',
      description: 'The same as a sentence.',
    },
    { name: 'Suspended', type: 'boolean', jsonPath: '.spec.suspend', description: 'Left alone.', priority: 1 },
    { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp', description: 'Time since it was made.' },
  ],
});

export type Source = ResourceOf<typeof sourceKind>;
