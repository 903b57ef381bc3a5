import type { Schema } from '#schemas/meta/schema.ts';
import { held } from './held.ts';
import { conditions, flag, group, integer, kindSchema, list, text } from './shapes.ts';

const names = group(
  'Names of the kind.',
  {
    plural: held('always', text('Plural in lower case, as in URLs.')),
    singular: text('Singular in lower case; the kind in lower case when left out.'),
    kind: held('always', text('Name of the kind in CamelCase.')),
    listKind: text('Name of its lists; the kind with `List` when left out.'),
    shortNames: list('Short names for the command line.'),
    categories: list('Groups of kinds such as `all`.'),
  },
  ['plural', 'kind'],
);

const column = group(
  'A column that `get` prints.',
  {
    name: held('always', text('Title of the column.')),
    type: held('always', text('integer, number, string, boolean or date.')),
    format: text('How the value is written.'),
    description: text('What the column tells.'),
    priority: integer('0 is always printed, more only with `-o wide`.'),
    jsonPath: held('always', text('Where the value stands, such as `.spec.hostname`.')),
  },
  ['name', 'type', 'jsonPath'],
);

const scale = group(
  'Where the numbers of replicas stand.',
  {
    specReplicasPath: held('always', text('Path of the wanted number below `.spec`.')),
    statusReplicasPath: held('always', text('Path of the number below `.status`.')),
    labelSelectorPath: held('pointer', text('Path of the label selector.')),
  },
  ['specReplicasPath', 'statusReplicasPath'],
);

const version = group(
  'One version of the kind.',
  {
    name: held('always', text('Name of the version, such as `v1`.')),
    served: held('always', flag('Whether it can be asked for.')),
    storage: held('always', flag('Whether objects are stored in it; exactly one version is.')),
    deprecated: flag('Whether its use gives a warning.'),
    deprecationWarning: held('pointer', text('The words of the warning.')),
    schema: held(
      'pointer',
      group('Describes the objects.', {
        // A schema describes itself without end, so that its own fields are not described here.
        openAPIV3Schema: held('pointer', {
          type: 'object',
          description: 'Structural schema: types, defaults, limits and rules of all fields.',
          'x-kubernetes-preserve-unknown-fields': true,
        }),
      }),
    ),
    subresources: held(
      'pointer',
      group('Further endpoints of each object.', {
        status: held('pointer', group('Makes `status` an endpoint of its own.', {})),
        scale: held('pointer', scale),
      }),
    ),
    additionalPrinterColumns: list('Columns that `get` prints beside the name.', column),
    selectableFields: list(
      'Fields that selectors may use.',
      group('A field.', { jsonPath: held('always', text('Its path, such as `.status.host`.')) }, ['jsonPath']),
    ),
  },
  ['name', 'served', 'storage'],
);

const conversion = group(
  'How objects are brought from one version to another.',
  {
    strategy: text('None: only the apiVersion changes. Webhook: a service does it.'),
    webhook: {
      type: 'object',
      description: 'The service that converts.',
      'x-kubernetes-preserve-unknown-fields': true,
    },
  },
  ['strategy'],
);

const customResourceDefinition = held(
  'struct',
  kindSchema(
    'Adds a kind to the API.',
    {
      spec: group(
        'The kind.',
        {
          group: text('Group of the kind.'),
          names,
          scope: text('Namespaced or Cluster.'),
          versions: list('Versions of the kind.', version),
          conversion: held('pointer', conversion),
          preserveUnknownFields: flag('Deprecated; must be false.'),
        },
        ['group', 'names', 'scope', 'versions'],
      ),
      status: group('What became of it.', {
        conditions: held(
          'replaced',
          held('always', {
            ...conditions('Whether the names were free and the kind is served.'),
            nullable: true,
          }),
        ),
        acceptedNames: held('always', { ...names, required: [] }),
        storedVersions: held('always', {
          ...list('Versions in which objects were stored at any time.'),
          nullable: true,
        }),
        observedGeneration: { type: 'integer', format: 'int64', description: 'Generation that was looked at.' },
      }),
    },
    ['spec'],
  ),
);

const apiService = kindSchema('Lets another server answer for a group and version.', {
  spec: group(
    'Group, version and who answers.',
    {
      group: text('The group.'),
      version: text('The version.'),
      groupPriorityMinimum: integer('Order among groups, higher first.'),
      versionPriority: integer('Order among the versions of a group, higher first.'),
      service: {
        ...group('Service that answers; none means this server.', {
          namespace: text('Namespace of the Service.'),
          name: text('Name of the Service.'),
          port: integer('Port of the Service; 443 when left out.'),
        }),
        nullable: true,
      },
      caBundle: {
        type: 'string',
        format: 'byte',
        nullable: true,
        description: 'Authority of its certificate in PEM, as base64.',
      },
      insecureSkipTLSVerify: flag('Whether its certificate is not checked.'),
    },
    ['groupPriorityMinimum', 'versionPriority'],
  ),
  status: group('Whether it answers.', { conditions: conditions() }),
});

/** Kinds that extend the API. */
export const extensionSchemas: Readonly<Record<string, Schema>> = {
  'apiextensions.k8s.io/v1/CustomResourceDefinition': customResourceDefinition,
  'apiregistration.k8s.io/v1/APIService': apiService,
};
