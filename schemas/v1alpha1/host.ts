import {
  bytesField,
  conditionsField,
  countField,
  cpuField,
  hostnameField,
  LENGTHS,
  nameField,
  objectReference,
  observedGenerationField,
  textField,
} from '#schemas/meta/fragments.ts';
import { defineKind, type ResourceOf } from '#schemas/meta/kind.ts';
import { PATTERNS } from '#schemas/meta/patterns.ts';
import { engineField } from './database.ts';
import { phpVersionField } from './limits.ts';

const uidField = { type: 'integer', description: 'A Unix user or group id.', format: 'int64', minimum: 0 } as const;

export const hostKind = defineKind({
  group: 'hosting.wcp360.io',
  version: 'v1alpha1',
  kind: 'Host',
  plural: 'hosts',
  singular: 'host',
  shortNames: ['whost'],
  categories: ['hosting'],
  scope: 'Cluster',
  description:
    'A machine that serves tenants. Its agent makes the object when it joins; people set labels and take it out of service.',
  spec: {
    type: 'object',
    description: 'What people decide about the host.',
    properties: {
      unschedulable: { type: 'boolean', description: 'Take no new tenants; those that are here stay.', default: false },
      drain: {
        type: 'boolean',
        description: 'Move all tenants to other hosts, a few at a time; goes with unschedulable.',
        default: false,
      },
      lost: {
        type: 'boolean',
        description:
          'The machine is gone for good: its tenants are placed elsewhere, without what only it held, and nobody waits for its agent.',
        default: false,
      },
      capacity: {
        type: 'object',
        description: 'What the limits of all its tenants together may come to; what is absent is not bounded.',
        properties: {
          tenants: countField('Tenants.'),
          cpu: cpuField('Processor time; more than the machine has is sold more than once.'),
          memory: bytesField('Memory.'),
          storage: bytesField('Disk space.'),
        },
      },
      addresses: {
        type: 'array',
        description: 'Addresses under which visitors reach the host.',
        default: [],
        maxItems: 32,
        items: {
          type: 'object',
          description: 'One address.',
          required: ['type', 'address'],
          properties: {
            type: {
              type: 'string',
              description: 'Public for visitors, Private for hosts among themselves.',
              enum: ['Public', 'Private'],
            },
            address: { type: 'string', description: 'IPv4 or IPv6.', maxLength: 45, pattern: PATTERNS.address },
          },
        },
      },
      panel: {
        type: 'object',
        description:
          'What the platform itself serves from this host to people’s browsers; absent: nothing. The name, and those below it, can be no tenant’s.',
        required: ['hostname', 'tls'],
        properties: {
          hostname: hostnameField('The name, which is to lead to this host and is served by HTTPS alone.'),
          port: {
            type: 'integer',
            description:
              'The port of it that people’s browsers come to, where that is another one than the front’s own for HTTPS: behind a load balancer, say.',
            format: 'int32',
            minimum: 1,
            maximum: 65_535,
          },
          tls: {
            type: 'object',
            description: 'Its certificate.',
            required: ['secretRef'],
            properties: {
              secretRef: objectReference(
                'The Secret of type kubernetes.io/tls with the certificate, its chain and its key, in wcp360-system.',
              ),
            },
          },
          databaseClient: {
            type: 'string',
            description:
              'Adminer: who may so with a Database of this host can work with it in a browser (wcpctl db web). Off: nobody can.',
            enum: ['Off', 'Adminer'],
            default: 'Off',
          },
        },
      },
    },
  },
  status: {
    type: 'object',
    description: 'What the agent found on the machine.',
    properties: {
      observedGeneration: observedGenerationField,
      agentVersion: textField('Version of the agent.'),
      root: {
        type: 'string',
        description: 'Directory below which everything of tenants lies.',
        maxLength: LENGTHS.message,
      },
      capacity: {
        type: 'object',
        description: 'How large the machine is.',
        properties: {
          cpu: cpuField('Processors.'),
          memory: bytesField('Memory.'),
          storage: bytesField('The file system that tenants are on.'),
        },
      },
      capabilities: {
        type: 'object',
        description: 'What the machine has.',
        properties: {
          phpVersions: {
            type: 'array',
            description: 'Installed PHP versions, oldest first.',
            maxItems: 16,
            items: phpVersionField,
          },
          nginxVersion: textField('Version of nginx; absent when it is not installed.'),
          httpsPort: {
            type: 'integer',
            description: 'Where the web front speaks TLS; absent where it does not.',
            format: 'int32',
            minimum: 1,
            maximum: 65_535,
          },
          http3: {
            type: 'boolean',
            description: 'Whether it speaks HTTP/3 there, too, at the port of UDP: nginx of Debian can from 13 on.',
          },
          dns: {
            type: 'object',
            description: 'The name server; absent where there is none.',
            required: ['version', 'port'],
            properties: {
              version: textField('Version of PowerDNS.'),
              port: {
                type: 'integer',
                description: 'Where it is asked.',
                format: 'int32',
                minimum: 1,
                maximum: 65_535,
              },
            },
          },
          databases: {
            type: 'array',
            description: 'Database servers that are installed; one is started when a Database needs it.',
            maxItems: 2,
            'x-kubernetes-list-type': 'map',
            'x-kubernetes-list-map-keys': ['engine'],
            items: {
              type: 'object',
              description: 'One of them.',
              required: ['engine', 'version'],
              properties: {
                engine: engineField,
                version: textField('Its version.'),
                lacks: textField(
                  'The package that is not installed, and without which no server reads the data that is there; absent where it runs.',
                ),
              },
            },
          },
          services: { type: 'string', description: 'What runs the daemons.', enum: ['systemd', 'supervisor'] },
          limitsEnforced: {
            type: 'boolean',
            description: 'Whether limits of processor time, memory and processes hold.',
          },
          accounts: {
            type: 'boolean',
            description: 'Whether tenants have accounts on the machine, not only bare numbers.',
          },
          front: {
            type: 'object',
            description: 'As whom the web front runs.',
            required: ['uid', 'gid'],
            properties: { uid: uidField, gid: uidField },
          },
          takenUids: {
            type: 'array',
            description: 'User ids in the range of tenants that the machine uses otherwise.',
            maxItems: 4096,
            items: uidField,
          },
          heldUids: {
            type: 'array',
            description:
              'User ids that files of tenants carry on the machine while the store does not say so there: after a loss of the store, or of tenants that are gone. No other tenant gets such a number. Absent until the agent has looked.',
            'x-kubernetes-list-type': 'atomic',
            maxItems: 20_000,
            items: {
              type: 'object',
              description: 'A number and whose files carry it.',
              required: ['tenant', 'uid'],
              properties: { tenant: nameField('The tenant.'), uid: uidField },
            },
          },
          takenNames: {
            type: 'array',
            description: 'Account names of the machine, which no tenant can have.',
            maxItems: 4096,
            items: { type: 'string', description: 'An account name.', maxLength: 64 },
          },
        },
      },
      panel: {
        type: 'object',
        description: 'What the agent is to serve for spec.panel; absent while that cannot be had.',
        required: ['hostname', 'tls'],
        properties: {
          hostname: hostnameField('The name.'),
          tls: {
            type: 'object',
            description: 'Its certificate.',
            required: ['secretName', 'resourceVersion'],
            properties: {
              secretName: nameField('The Secret.'),
              resourceVersion: textField('Tells one certificate from the next.'),
            },
          },
        },
      },
      conditions: conditionsField,
    },
  },
  columns: [
    {
      name: 'Ready',
      type: 'string',
      jsonPath: '.status.conditions[?(@.type=="Ready")].status',
      description: 'Whether it serves.',
    },
    { name: 'Unschedulable', type: 'boolean', jsonPath: '.spec.unschedulable', description: 'Takes no new tenants.' },
    {
      name: 'PHP',
      type: 'string',
      jsonPath: '.status.capabilities.phpVersions',
      description: 'Installed PHP versions.',
    },
    {
      name: 'Version',
      type: 'string',
      jsonPath: '.status.agentVersion',
      description: 'Version of the agent.',
      priority: 1,
    },
    { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp', description: 'Time since it joined.' },
  ],
});

export type Host = ResourceOf<typeof hostKind>;

/** Where visitors reach a host, as far as somebody has said so. */
export function publicAddressesOf({ spec }: Pick<Host, 'spec'>): readonly string[] {
  return spec.addresses.filter(({ type }) => type === 'Public').map(({ address }) => address);
}
