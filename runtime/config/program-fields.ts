import { PATTERNS } from '#schemas/meta/patterns.ts';
import type { Schema } from '#schemas/meta/schema.ts';

/** Settings that several programs have. */

export const logLevel = {
  type: 'string',
  enum: ['debug', 'info', 'warn', 'error'],
  default: 'info',
  description: 'Least urgent lines that are logged.',
} as const;

export const metricsListen = (port: number) =>
  ({
    type: 'string',
    default: `127.0.0.1:${port}`,
    description: 'Where /metrics, /livez and /readyz are served in plain HTTP; empty for nowhere.',
  }) as const;

export const kubeconfig = {
  type: 'string',
  minLength: 1,
  description: 'Kubeconfig file of the API server to work with: ours or any Kubernetes cluster that has our CRDs.',
} as const;

export const kubeconfigOrPod = {
  ...kubeconfig,
  description: `${kubeconfig.description} In a pod, its own account counts when absent.`,
} as const;

export const hostName = {
  type: 'string',
  pattern: '^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$',
  maxLength: 253,
  description: 'Name of the Host that this machine is.',
} as const;

export const etcdServers = {
  type: 'array',
  items: { type: 'string', pattern: '^https?://[^\\s/]+$', description: 'An endpoint.' },
  description: 'Endpoints of the etcd cluster, such as https://127.0.0.1:2379.',
} as const;

export const port = (value: number, description: string) =>
  ({ type: 'integer', minimum: 0, maximum: 65_535, default: value, description }) as const;

export const certificateSeconds = {
  type: 'integer',
  minimum: 600,
  maximum: 7_776_000,
  default: 2_592_000,
  description: "For how long the host's certificate is asked for; a machine that was off for longer has to join again.",
} as const;

export const sourceNetworks = {
  type: 'array',
  items: { type: 'string', pattern: PATTERNS.cidr, description: 'A network in CIDR form.' },
  default: [],
  description: "Networks that tenants' Git repositories may be in, beside public addresses.",
} as const;

/** How providers of name servers are reached; for who runs the platform alone to say. */
export const dnsProviders = {
  dnsProviderEndpoints: {
    type: 'array',
    items: {
      type: 'string',
      pattern:
        '^(cloudflare|digitalOcean|hetzner|route53)=(https://[^\\s]+[^/\\s]|http://(127[.]0[.]0[.]1|\\[::1\\])(:[0-9]+)?(/[^\\s]*[^/\\s])?)$',
      description: 'A provider and the address of its API, such as hetzner=https://proxy.example/v1.',
    },
    default: [],
    description:
      "Addresses of providers' APIs in place of their own; tokens are sent there. Without TLS on this machine only.",
  },
  dnsProviderServer: {
    type: 'string',
    default: '',
    pattern: '^[0-9a-f.:[\\]]*$',
    description:
      "Address, or address and port, of a name server that is asked in place of providers' own whether it answers as declared.",
  },
} as const satisfies Readonly<Record<string, Schema>>;

const addresses = (description: string) =>
  ({
    type: 'array',
    items: { type: 'string', description: 'An address of this machine, or 0.0.0.0 or :: for all.' },
    minItems: 1,
    default: ['0.0.0.0', '::'],
    description,
  }) as const;

/** The name server of a host. */
export const nameServer = {
  dnsAddresses: addresses('Where the name server listens.'),
  dnsPort: port(53, 'Port of the name server, where PowerDNS is installed; 0 for none.'),
  dnsResolver: {
    type: 'string',
    default: '',
    pattern: '^[0-9a-f.:]*$',
    description: 'Address of whom the name server asks for what an ALIAS stands for; without it ALIAS is not answered.',
  },
  dnsApiPort: port(
    9363,
    'Port on loopback under which the agent reaches the name server; a key that only root reads is needed there.',
  ),
  dnsBackend: {
    type: 'string',
    enum: ['sqlite', 'lmdb'],
    default: 'sqlite',
    description: 'Where the name server keeps zones. lmdb needs the package pdns-backend-lmdb.',
  },
  dnsServer: {
    type: 'string',
    default: '',
    pattern: '^$|^[0-9.]+:[0-9]+$|^\\[[0-9a-f:]+\\]:[0-9]+$',
    description:
      'Address and port of the API of a PowerDNS that runs already and is used in place of one of our own; it is asked at the first of dnsAddresses and dnsPort. Without TLS: on this machine, or through a network that nobody else hears.',
  },
  dnsServerKeyFile: {
    type: 'string',
    default: '',
    description: 'File with the key of that API, which only root reads.',
  },
} as const satisfies Readonly<Record<string, Schema>>;

/** Settings of an agent's web front. */
export const webFront = {
  frontAddresses: addresses('Where the web front listens.'),
  frontHttpPort: port(80, 'Port of the web front for HTTP.'),
  frontHttpsPort: port(443, 'Port of the web front for HTTPS; 0 for none.'),
  frontQuic: {
    type: 'boolean',
    default: true,
    description:
      'HTTP/3 is spoken at that port, of UDP, where nginx was built with it, no other program has it, and no PROXY protocol is expected.',
  },
  trustedProxies: {
    type: 'array',
    items: { type: 'string', description: 'A network in CIDR form.' },
    default: [],
    description: 'Networks whose X-Forwarded-For, or PROXY protocol, is believed.',
  },
  proxyProtocol: { type: 'boolean', default: false, description: 'The front expects the PROXY protocol.' },
  ocspNetworks: {
    type: 'array',
    items: { type: 'string', pattern: PATTERNS.cidr, description: 'A network in CIDR form.' },
    default: [],
    description:
      'Networks where CAs may say whether certificates have been revoked, beside public addresses at port 80.',
  },
} as const satisfies Readonly<Record<string, Schema>>;
