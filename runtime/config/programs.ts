import { PATTERNS } from '#schemas/meta/patterns.ts';
import type { Schema, TypeOf } from '#schemas/meta/schema.ts';
import {
  certificateSeconds,
  etcdServers,
  hostName,
  kubeconfig,
  kubeconfigOrPod,
  logLevel,
  metricsListen,
  nameServer,
  port,
  dnsProviders,
  sourceNetworks,
  webFront,
} from './program-fields.ts';

/** The configuration of one program: flat, so that every field is a flag, an environment variable and a line in a file alike. */
export interface ProgramConfig {
  readonly type: 'object';
  readonly description: string;
  readonly required?: readonly string[];
  readonly properties: Readonly<Record<string, Schema>>;
}

/** `wcpd server` */
export const serverConfig = {
  type: 'object',
  description: 'The API server.',
  required: ['etcdServers', 'tlsCertFile', 'tlsKeyFile', 'clientCaFile', 'serviceAccountKeyFile'],
  properties: {
    listen: { type: 'string', default: '127.0.0.1:6443', description: 'Address and port of the API, TLS only.' },
    etcdServers: { ...etcdServers, minItems: 1 },
    etcdCaFile: { type: 'string', description: "PEM of the CA behind etcd's certificate." },
    etcdCertFile: { type: 'string', description: 'Client certificate for etcd, PEM.' },
    etcdKeyFile: { type: 'string', description: 'Key of the client certificate for etcd, PEM.' },
    etcdPrefix: { type: 'string', default: '/registry/', description: 'Below which keys objects are stored.' },
    tlsCertFile: { type: 'string', minLength: 1, description: "The server's certificate, PEM." },
    tlsKeyFile: { type: 'string', minLength: 1, description: "Key of the server's certificate, PEM." },
    clientCaFile: {
      type: 'string',
      minLength: 1,
      description: 'PEM of the CA whose client certificates are believed.',
    },
    clientCaKeyFile: {
      type: 'string',
      description:
        'Key of the CA for client certificates, EC on P-256, PEM: approved requests for such certificates are signed with it. Without it, none are.',
    },
    rootCaFile: {
      type: 'string',
      description: "PEM of the CA behind the server's certificate, put into every namespace.",
    },
    frontProxyCertFile: {
      type: 'string',
      description:
        'Client certificate, PEM, with which the server shows itself to servers that it aggregates; none are without it.',
    },
    frontProxyKeyFile: { type: 'string', description: 'Key of that certificate, PEM.' },
    frontProxyCaFile: { type: 'string', description: 'PEM of the CA behind it, by which they recognise the server.' },
    serviceAccountKeyFile: {
      type: 'string',
      minLength: 1,
      description: 'Private EC key on P-256 that signs ServiceAccount tokens, PEM.',
    },
    serviceAccountPreviousKeyFiles: {
      type: 'array',
      items: { type: 'string', description: 'A key file.' },
      default: [],
      description: 'Keys that signed tokens before, whose tokens are still accepted.',
    },
    serviceAccountIssuer: {
      type: 'string',
      minLength: 1,
      default: 'https://kubernetes.default.svc',
      description: 'The issuer that tokens name, and the audience that they are for by default.',
    },
    encryptionKeyFile: {
      type: 'string',
      description:
        'Keys for Secrets at rest: 32 bytes in base64 a line, the first one writes. Without it they are stored as they are.',
    },
    encryptionAcceptPlain: {
      type: 'boolean',
      default: false,
      description: 'Read Secrets that are stored in plain, and encrypt them: only while encryption is being turned on.',
    },
    auditLogFile: {
      type: 'string',
      description: 'Where the audit log goes, one JSON object a line; no audit log when absent.',
    },
    logLevel,
  },
} as const satisfies ProgramConfig;

/** `wcpctl snapshot restore`: settings of a server, of which it needs the way to the store and the keys of Secrets. */
export const restoreConfig = {
  ...serverConfig,
  description: 'Restores a snapshot into the store of a server that is not running.',
  required: ['etcdServers'],
} as const satisfies ProgramConfig;

/** `wcpd controller` */
export const controllerConfig = {
  type: 'object',
  description: 'The cluster controllers, of which one replica leads.',
  properties: {
    kubeconfig: kubeconfigOrPod,
    workDirectory: {
      type: 'string',
      pattern: '^/',
      default: '/tmp',
      description:
        'Where Git repositories of Sources are fetched to, each into a directory of its own that goes right after.',
    },
    sourceNetworks,
    acmeNetworks: {
      type: 'array',
      items: { type: 'string', pattern: PATTERNS.cidr, description: 'A network in CIDR form.' },
      default: [],
      description: "Networks that the CAs of tenants' Issuers may be in, beside public addresses.",
    },
    dnsResolver: {
      type: 'string',
      default: '',
      pattern: '^[0-9a-f.:[\\],]*$',
      description:
        'Addresses, or addresses and ports, with commas between, of whom the DNS is asked through before a CA is, and about whose names are, which more than half of them have to confirm; the resolvers of this machine when empty.',
    },
    hostnameProof: {
      type: 'string',
      enum: ['WhenShared', 'Always', 'Never'],
      default: 'WhenShared',
      description:
        'When a tenant has to show that a hostname is its own before it is served under it. WhenShared: once there is a second tenant. What a tenant has already stays.',
    },
    previewDomain: {
      type: 'string',
      pattern: `^$|${PATTERNS.hostname}`,
      default: '',
      description:
        'Below this name, whose wildcard leads to the hosts, sites are served before their hostnames are shown to be their own; nowhere when empty. Tenants can have no name there.',
    },
    ...dnsProviders,
    streamListen: {
      type: 'string',
      default: '',
      description: 'Address and port of the gateway for streams (logs, copies, shells), TLS only; empty for none.',
    },
    streamServicePort: port(443, 'Port of the Service stream-gateway, under which the API server reaches the gateway.'),
    leaderElectionNamespace: {
      type: 'string',
      minLength: 1,
      default: 'wcp360-system',
      description: "The Lease's namespace.",
    },
    leaderElectionName: { type: 'string', minLength: 1, default: 'wcpd-controller', description: "The Lease's name." },
    leaderElectionIdentity: {
      type: 'string',
      minLength: 1,
      description:
        'Who holds the Lease; its own for each process when absent. With a fixed one a process that is started again after a crash leads at once, so it is only for a supervisor that never runs two.',
    },
    hostGracePeriod: {
      type: 'string',
      pattern: PATTERNS.duration,
      default: '40s',
      description: 'A host whose agent was not heard of for so long is called silent. Agents tell every ten seconds.',
    },
    metricsListen: metricsListen(9361),
    logLevel,
  },
} as const satisfies ProgramConfig;

/** `wcpd agent` */
export const agentConfig = {
  type: 'object',
  description: 'The agent of one host.',
  required: ['hostName'],
  properties: {
    kubeconfig: kubeconfigOrPod,
    hostName,
    root: {
      type: 'string',
      pattern: '^/',
      default: '/srv/wcp360',
      description: 'Below which everything on this machine stands.',
    },
    ...webFront,
    ...nameServer,
    databaseInterval: {
      type: 'string',
      pattern: PATTERNS.duration,
      default: '1m',
      description:
        'How often database servers are looked at: how large databases are, what was changed by hand, and whose statements take too long.',
    },
    serviceManager: {
      type: 'string',
      enum: ['systemd', 'supervised'],
      default: 'systemd',
      description: 'Who keeps the daemons running: systemd, or the agent itself (containers and private instances).',
    },
    certificateSeconds,
    certificateRenewalRatio: {
      type: 'number',
      minimum: 0.001,
      maximum: 0.9,
      default: 0.67,
      description: 'Part of the life of a certificate that `wcpd join` got, after which the agent asks for the next.',
    },
    metricsListen: metricsListen(9362),
    logLevel,
  },
} as const satisfies ProgramConfig;

/** `wcpd join` */
export const joinConfig = {
  type: 'object',
  description: 'Makes this machine a host: gets its certificate by the token of `wcpctl host join-command`.',
  required: ['hostName', 'server'],
  properties: {
    hostName,
    server: { type: 'string', pattern: '^https://[^\\s/]+$', description: 'The API server.' },
    caHash: {
      type: 'array',
      items: { type: 'string', pattern: '^sha256:[0-9a-f]{64}$', description: 'A hash.' },
      default: [],
      description:
        "Hash of the public key of the CA behind the server's certificate: the CA is fetched and believed by it.",
    },
    caFile: {
      type: 'string',
      description: "PEM of that CA, instead. Without either, the machine's own authorities count.",
    },
    token: { type: 'string', minLength: 1, description: 'The token, which is good for one machine.' },
    tokenFile: { type: 'string', minLength: 1, description: 'A file that holds the token, instead; - for stdin.' },
    directory: {
      type: 'string',
      pattern: '^/',
      default: '/etc/wcp360',
      description: 'Where agent.kubeconfig and agent.yaml are put.',
    },
    certificateFile: {
      type: 'string',
      pattern: '^/',
      default: '/var/lib/wcp360/agent.pem',
      description: 'Where the certificate and its key are put; the agent replaces it in time.',
    },
    certificateSeconds,
  },
} as const satisfies ProgramConfig;

/** `wcpd prepare` */
export const prepareConfig = {
  type: 'object',
  description: 'Makes the keys, certificates, kubeconfigs and settings of a real host, which its units use.',
  required: ['hostName'],
  properties: {
    directory: { type: 'string', pattern: '^/', default: '/etc/wcp360', description: 'Where they are put.' },
    hostName,
    server: {
      type: 'string',
      pattern: '^https://[^\\s/]+$',
      default: 'https://127.0.0.1:6443',
      description: 'The API server, as kubeconfigs name it.',
    },
    serverNames: {
      type: 'array',
      items: { type: 'string', description: 'A host name or an address.' },
      default: [],
      description: "Under what else than loopback the API server is reached: for the server's certificate.",
    },
  },
} as const satisfies ProgramConfig;

/** `wcpd define` */
export const defineConfig = {
  type: 'object',
  description: 'Applies kinds, roles and first objects to a server, and makes the account of an agent.',
  required: ['kubeconfig', 'hostName', 'manifests'],
  properties: {
    kubeconfig,
    hostName,
    manifests: { type: 'string', minLength: 1, description: 'Directory with crds, rbac and bootstrap.' },
  },
} as const satisfies ProgramConfig;

export type ServerConfig = TypeOf<typeof serverConfig>;
export type ControllerConfig = TypeOf<typeof controllerConfig>;
export type RestoreConfig = TypeOf<typeof restoreConfig>;
export type AgentConfig = TypeOf<typeof agentConfig>;
export type JoinConfig = TypeOf<typeof joinConfig>;
export type PrepareConfig = TypeOf<typeof prepareConfig>;
