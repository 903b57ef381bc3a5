import type { Schema } from '#schemas/meta/schema.ts';
import { held } from './held.ts';
import {
  conditions,
  flag,
  group,
  integer,
  kindSchema,
  list,
  listBy,
  microTime,
  reference,
  strings,
  text,
  whole,
} from './shapes.ts';

/** An amount such as `10`, `500m` or `2Gi`. */
const quantity = held('quantity', {
  'x-kubernetes-int-or-string': true,
  description: 'An amount such as `10`, `500m` or `2Gi`.',
});

const amounts = (description: string): Schema => ({ type: 'object', description, additionalProperties: quantity });

const bytes = (description: string): Schema => ({
  type: 'object',
  description,
  additionalProperties: { type: 'string', format: 'byte' },
});

const namespace = held(
  'struct',
  kindSchema('A space for names: objects of one tenant or purpose live in it, and go with it.', {
    spec: held(
      'always',
      group('What is asked of the namespace.', {
        finalizers: list('Who must finish before an empty namespace goes.'),
      }),
    ),
    status: held(
      'always',
      group('What is known of the namespace.', {
        phase: text('Active, or Terminating once its deletion has begun.'),
        conditions: conditions('What keeps a deletion from finishing.', false),
      }),
    ),
  }),
);

const secret = held(
  'struct',
  kindSchema('Secret values such as passwords and keys, encrypted where they are stored.', {
    type: text('What the values are meant for; it cannot be changed.'),
    data: bytes('The values, each as base64.'),
    stringData: strings('Values as plain text, for writing only: they are taken over into data.'),
    immutable: held('pointer', flag('Whether the values can no longer be changed.')),
  }),
);

const configMap = held(
  'struct',
  kindSchema('Settings that are no secrets, for programs to read.', {
    data: strings('Values as text.'),
    binaryData: bytes('Values that are no text, each as base64.'),
    immutable: held('pointer', flag('Whether the values can no longer be changed.')),
  }),
);

const serviceAccount = held(
  'struct',
  kindSchema('An identity for a program, which gets tokens for it.', {
    secrets: listBy(['name'], 'Secrets that the account may use.', reference('A Secret.')),
    imagePullSecrets: list(
      'Secrets for image registries.',
      whole(group('A Secret of the namespace.', { name: text('Name of the Secret.') })),
    ),
    automountServiceAccountToken: held('pointer', flag('Whether programs get a token without asking.')),
  }),
);

const scopeSelector = held(
  'pointer',
  whole(
    group('What counts against the quota.', {
      matchExpressions: list(
        'Requirements; all must hold.',
        group('One requirement.', {
          scopeName: held('always', text('The scope.')),
          operator: held('always', text('In, NotIn, Exists or DoesNotExist.')),
          values: list('Its values.'),
        }),
      ),
    }),
  ),
);

const resourceQuota = held(
  'struct',
  kindSchema('Limits on what a namespace may hold, such as `count/domains.hosting.wcp360.io`.', {
    spec: held(
      'always',
      group('The limits.', {
        hard: amounts('Limit for each resource.'),
        scopes: list('Restricts what is counted.'),
        scopeSelector,
      }),
    ),
    status: held(
      'always',
      group('What is used.', { hard: amounts('Limits in force.'), used: amounts('What is used now.') }),
    ),
  }),
);

const servicePort = group(
  'A port of the service.',
  {
    name: text('Name of the port.'),
    protocol: { ...text('TCP, UDP or SCTP.'), default: 'TCP' },
    port: integer('Port that clients use.'),
    targetPort: { 'x-kubernetes-int-or-string': true, description: 'Port or port name of the program behind.' },
    nodePort: integer('Port on every node.'),
    appProtocol: text('Protocol above the transport.'),
  },
  ['port'],
);

const serviceSpec = group('Where the service is.', {
  ports: listBy(['port', 'protocol'], 'Ports of the service.', servicePort),
  selector: whole(strings('Labels of the programs behind.')),
  type: text('ClusterIP, NodePort, LoadBalancer or ExternalName.'),
  externalName: text('Host name that the service stands for.'),
  clusterIP: text('Address of the service.'),
  clusterIPs: list('Addresses of the service.'),
  externalIPs: list('Further addresses.'),
  ipFamilies: list('IPv4, IPv6.'),
  ipFamilyPolicy: text('SingleStack, PreferDualStack or RequireDualStack.'),
  sessionAffinity: text('None or ClientIP.'),
  sessionAffinityConfig: group('Settings of the affinity.', {
    clientIP: group('Settings for ClientIP.', {
      timeoutSeconds: integer('Seconds that a client stays with one program.'),
    }),
  }),
  internalTrafficPolicy: text('Cluster or Local.'),
  externalTrafficPolicy: text('Cluster or Local.'),
  trafficDistribution: text('A wish for where traffic goes.'),
  healthCheckNodePort: integer('Port for health checks.'),
  publishNotReadyAddresses: flag('Whether programs count before they are ready.'),
  allocateLoadBalancerNodePorts: flag('Whether load balancers get node ports.'),
  loadBalancerClass: text('Which load balancer serves it.'),
  loadBalancerIP: text('Address wanted from the load balancer.'),
  loadBalancerSourceRanges: list('Networks that may use the load balancer.'),
});

const service = kindSchema(
  'A name for something that answers on the network. It is stored for API services to refer to.',
  {
    spec: serviceSpec,
    status: group('What is known of the service.', {
      loadBalancer: group('Addresses of the load balancer.', {
        ingress: list('Its addresses.', { type: 'object', 'x-kubernetes-preserve-unknown-fields': true }),
      }),
      conditions: conditions(),
    }),
  },
);

const lease = held(
  'struct',
  kindSchema('A claim that one holder renews in time; whoever holds it leads.', {
    spec: held(
      'always',
      group('The claim.', {
        holderIdentity: held('pointer', text('Who holds it.')),
        leaseDurationSeconds: held('pointer', integer('Seconds without renewal after which others may take it.')),
        acquireTime: held('pointer', microTime('When it was taken, with microseconds.')),
        renewTime: held('pointer', microTime('When it was last renewed, with microseconds.')),
        leaseTransitions: held('pointer', integer('How often the holder changed.')),
        strategy: held('pointer', text('How the leader is chosen.')),
        preferredHolder: held('pointer', text('Who shall take it over.')),
      }),
    ),
  }),
);

const scale = kindSchema('How many replicas of an object are wanted, and are there.', {
  spec: group('What is wanted.', { replicas: integer('Number of replicas wanted.') }),
  status: group(
    'What is there.',
    { replicas: integer('Number of replicas.'), selector: text('Label selector of the replicas.') },
    ['replicas'],
  ),
});

/** Namespaces, secrets and the other plain kinds. */
export const coreSchemas: Readonly<Record<string, Schema>> = {
  'core/v1/Namespace': namespace,
  'core/v1/Secret': secret,
  'core/v1/ConfigMap': configMap,
  'core/v1/ServiceAccount': serviceAccount,
  'core/v1/ResourceQuota': resourceQuota,
  'core/v1/Service': service,
  'coordination.k8s.io/v1/Lease': lease,
  'autoscaling/v1/Scale': scale,
};
