import type { TypeOf } from '#schemas/meta/schema.ts';
import { dnsProviders, etcdServers, logLevel, port, sourceNetworks } from './program-fields.ts';
import type { ProgramConfig } from './programs.ts';

/** `wcpd up` */
export const upConfig = {
  type: 'object',
  description:
    'A private instance in one go: etcd, server, controller and agent, or the last two for an API server that is there.',
  properties: {
    directory: {
      type: 'string',
      minLength: 1,
      default: '.wcp360',
      description: 'Where the instance keeps everything.',
    },
    etcdServers: {
      ...etcdServers,
      default: [],
      description: 'An etcd cluster to use; one of its own is started when empty.',
    },
    kubeconfig: {
      type: 'string',
      default: '',
      description:
        'Kubeconfig file of an administrator of the API server to use, any Kubernetes cluster for example; etcd and server of its own are started when empty.',
    },
    apiPort: port(16_443, 'Port of the API on loopback.'),
    httpPort: port(18_080, 'Port of the web front for HTTP on loopback.'),
    httpsPort: port(18_443, 'Port of the web front for HTTPS on loopback; 0 for none.'),
    dnsPort: port(18_053, 'Port of the name server on loopback, where PowerDNS is installed; 0 for none.'),
    dnsApiPort: port(18_054, 'Port on loopback under which the agent reaches the name server.'),
    etcdClientPort: port(12_379, 'Port of its own etcd for clients, on loopback.'),
    etcdPeerPort: port(12_380, 'Port of its own etcd for peers, on loopback.'),
    streamPort: port(16_444, 'Port of the gateway for streams on loopback.'),
    acmePort: port(
      16_445,
      'Port of a stand-in for a public CA (pebble, where it is installed) on loopback; 0 for none.',
    ),
    acmeManagementPort: port(16_446, 'Port on loopback where that shows its root.'),
    resolverPort: port(
      16_447,
      'Port of a resolver on loopback for it: it asks the name server, and knows every other name at loopback.',
    ),
    hostName: { type: 'string', minLength: 1, default: 'local', description: 'Name of the one Host.' },
    sourceNetworks,
    ...dnsProviders,
    logLevel,
  },
} as const satisfies ProgramConfig;

/** `wcpd down` */
export const downConfig = {
  type: 'object',
  description: 'Stops a private instance: every process of it is gone afterwards, its data stays.',
  properties: { directory: upConfig.properties.directory },
} as const satisfies ProgramConfig;

export type UpConfig = TypeOf<typeof upConfig>;
