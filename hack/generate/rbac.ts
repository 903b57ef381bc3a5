import { GROUP, JOIN_ACCOUNT, SYSTEM_NAMESPACE } from '#schemas/meta/names.ts';
import { STREAMS } from '#schemas/meta/streams.ts';
import type { FoundKind } from './kinds.ts';

/** One rule of a role. */
interface Rule {
  readonly apiGroups: readonly string[];
  readonly resources: readonly string[];
  readonly verbs: readonly string[];
  readonly resourceNames?: readonly string[];
}

/** How a cache is kept. */
const FOLLOW = ['list', 'watch'] as const;
const READ = ['get', ...FOLLOW] as const;
const APPLY = ['create', 'patch'] as const;
const WRITE = ['create', 'update', 'patch', 'delete'] as const;
/** Kinds that nobody declares. */
const MADE_BY_CONTROLLERS: readonly string[] = [
  'challenges',
  'hostnameclaims',
  'planrequests',
  'retaineddata',
  'uidclaims',
];
/** What agents bring about, and hold until it is gone. */
const OF_HOSTS = ['challenges', 'databases', 'databaseusers', 'domains', 'zones'] as const;
/** Names of accounts that Sources may act as wherever they are. */
const SOURCE_ACCOUNTS = ['default', 'source'] as const;
/** Whose status the leader writes. */
const WITH_STATUS_OF_LEADER = [
  'certificates',
  'challenges',
  'clusterissuers',
  'databases',
  'databaseservers',
  'databaseusers',
  'dnsrecords',
  'domains',
  'hostnameclaims',
  'hosts',
  'issuers',
  'packages',
  'planrequests',
  'sources',
  'tenants',
  'uidclaims',
  'zones',
];
/** The ConfigMap of every Kubernetes with this name. */
const FRONT_PROXY_CONFIGURATION = 'extension-apiserver-authentication';
const RBAC = 'rbac.authorization.k8s.io';
const RBAC_KINDS = ['clusterrolebindings', 'clusterroles', 'rolebindings', 'roles'];
/** Of roles that every agent has, cluster-wide and in single namespaces. */
const AGENT = 'wcp360-agent';
/** Of the agent to whose host a tenant is moving. */
const AGENT_ARRIVAL = 'wcp360-agent-arrival';
const CERTIFICATES = 'certificates.k8s.io';
/** To ask for a certificate, and to see what becomes of that. */
const ASK_FOR_CERTIFICATES: Rule = {
  apiGroups: [CERTIFICATES],
  resources: ['certificatesigningrequests'],
  verbs: ['create', 'get'],
};

/** Roles by file name, least privilege per program: test/cluster/rbac.test.ts proves that each right is used. The server needs none: it is what asks. */
export function rbacManifests(kinds: readonly FoundKind[]): ReadonlyMap<string, readonly object[]> {
  const plurals = kinds.map(({ kind }) => kind.plural);
  const namespaced = kinds.filter(({ kind }) => kind.scope === 'Namespaced').map(({ kind }) => kind.plural);
  return new Map([
    ['controller.yaml', controllerRoles(plurals)],
    ['agent.yaml', agentRoles()],
    ['join.yaml', joinRoles()],
    ['platform.yaml', platformRoles(plurals)],
    ['tenant.yaml', tenantRoles(namespaced)],
  ]);
}

function controllerRoles(plurals: readonly string[]): readonly object[] {
  return [
    clusterRole('wcp360-controller', 'What the leader does for all tenants.', [
      ours(plurals, FOLLOW),
      ours(
        ['challenges', 'databases', 'databaseservers', 'databaseusers', 'domains', 'sources', 'tenants', 'zones'],
        ['patch'],
      ),
      ours(['certificates'], ['get', ...APPLY, 'delete']),
      ours(['challenges'], ['create', 'delete']),
      ours(['hostnameclaims'], [...APPLY, 'delete']),
      ours(['dnsrecords'], ['get', ...APPLY, 'delete']),
      ours(['retaineddata'], ['get', ...APPLY]),
      ours(['uidclaims'], ['create', 'delete']),
      ours(['zones'], ['get', 'create']),
      ours(['planrequests'], ['delete']),
      ours(WITH_STATUS_OF_LEADER.map(statusOf), ['patch']),
      // Owner references that hold their owner back need this where that is enforced.
      ours(['tenants/finalizers'], ['update']),
      { apiGroups: [''], resources: ['namespaces', 'resourcequotas'], verbs: [...READ, ...APPLY, 'delete'] },
      // Certificates with their keys, those of accounts at CAs, and keys of zones; of all others only metadata is watched, to see a rotation. `get` also so that it
      // may pass on the right to read the very Secrets that a Domain names.
      { apiGroups: [''], resources: ['secrets'], verbs: [...READ, ...APPLY, 'delete'] },
      { apiGroups: [RBAC], resources: RBAC_KINDS, verbs: [...READ, ...APPLY, 'delete'] },
      // What an owner may do, every agent, and one that copies files the controller may not; what else it gives to one agent alone it may itself.
      {
        apiGroups: [RBAC],
        resources: ['clusterroles'],
        verbs: ['bind'],
        resourceNames: ['wcp360-tenant-owner', AGENT, AGENT_ARRIVAL],
      },
      { apiGroups: [RBAC], resources: ['roles'], verbs: ['bind'], resourceNames: [AGENT] },
      ours(['hosts'], ['get', 'patch']),
      ours(['retaineddata'], ['delete']),
      ours(['retaineddata/status'], ['patch']),
      stream('hosts/attach', ['create']),
      // Sources act as an account of their own. Other names are for an administrator to allow, namespace by namespace.
      { apiGroups: [''], resources: ['serviceaccounts/token'], verbs: ['create'], resourceNames: SOURCE_ACCOUNTS },
      { apiGroups: [CERTIFICATES], resources: ['certificatesigningrequests'], verbs: FOLLOW },
      { apiGroups: [CERTIFICATES], resources: ['certificatesigningrequests/approval'], verbs: ['patch'] },
      {
        apiGroups: [CERTIFICATES],
        resources: ['signers'],
        verbs: ['approve'],
        resourceNames: ['kubernetes.io/kube-apiserver-client'],
      },
      events(),
      ...gatewayRules(),
    ]),
    ...controllerPlaces(),
    ...bindings('wcp360-controller', 'controller', 'kube-system'),
  ];
}

/** What the leader, and every replica of the gateway, may do in single namespaces. */
function controllerPlaces(): readonly object[] {
  return [
    {
      ...role('wcp360-controller', SYSTEM_NAMESPACE),
      rules: [
        // Leadership, heartbeats of hosts, and a Lease for each replica of the gateway.
        {
          apiGroups: ['coordination.k8s.io'],
          resources: ['leases'],
          verbs: [...READ, 'create', 'update', 'patch', 'delete'],
        },
      ],
    },
    {
      ...role('wcp360-controller', 'kube-system'),
      rules: [
        // By what the front proxy is recognised.
        { apiGroups: [''], resources: ['configmaps'], verbs: ['get'], resourceNames: [FRONT_PROXY_CONFIGURATION] },
      ],
    },
  ];
}

/** Every replica announces the gateway for streams and asks whether those who come may. */
function gatewayRules(): readonly Rule[] {
  const announced = { apiGroups: ['apiregistration.k8s.io'], resources: ['apiservices'] };
  return [
    { ...announced, verbs: ['create'] },
    {
      ...announced,
      verbs: ['list', 'watch', 'patch', 'delete'],
      resourceNames: [`${STREAMS.version}.${STREAMS.group}`],
    },
    { apiGroups: ['authorization.k8s.io'], resources: ['subjectaccessreviews'], verbs: ['create'] },
  ];
}

/** What is an agent's own (its host, its tenants, what it keeps) the leader gives to each. */
function agentRoles(): readonly object[] {
  return [
    clusterRole(AGENT, 'What every agent may do everywhere: read.', [
      ours([...OF_HOSTS, 'databaseservers', 'dnsrecords', 'hosts', 'planrequests', 'retaineddata', 'tenants'], FOLLOW),
      ASK_FOR_CERTIFICATES,
    ]),
    clusterRole(
      'wcp360-agent-tenant',
      'What the agent of a tenant’s host may do in the tenant’s namespace; bound there by placement.',
      [ours(OF_HOSTS, ['patch']), ours([...OF_HOSTS, 'dnsrecords', 'planrequests'].map(statusOf), ['patch']), events()],
    ),
    clusterRole(
      AGENT_ARRIVAL,
      'What the agent of the host that a tenant is moving to may do in the tenant’s namespace: copy its files.',
      [stream('domains/proxy', ['get', 'create'])],
    ),
    {
      ...role(AGENT, SYSTEM_NAMESPACE),
      rules: [
        // Plans for objects without a namespace are asked for in the system's.
        ours(['planrequests/status'], ['patch']),
        // Its uid tells one store from another.
        { apiGroups: [''], resources: ['namespaces'], verbs: ['get'] },
      ],
    },
    // Events of objects without a namespace stand there.
    { ...role(AGENT, 'default'), rules: [events()] },
  ];
}

/** For machines on their way to become a host. */
function joinRoles(): readonly object[] {
  const isPublic = role('wcp360-public', SYSTEM_NAMESPACE);
  return [
    clusterRole('wcp360-join', 'What a join token is good for.', [ASK_FOR_CERTIFICATES]),
    binding('wcp360-join', [accountSubject(JOIN_ACCOUNT)]),
    {
      ...isPublic,
      rules: [{ apiGroups: [''], resources: ['configmaps'], verbs: ['get'], resourceNames: ['kube-root-ca.crt'] }],
    },
    // Who does not know the server yet must not show it a token: its authority is fetched by anybody, and told by its hash.
    binding('wcp360-public', [{ kind: 'Group', apiGroup: RBAC, name: 'system:unauthenticated' }], SYSTEM_NAMESPACE),
  ];
}

/** For the Sources of the platform: no Secrets but the system's, no rights of others. */
function platformRoles(plurals: readonly string[]): readonly object[] {
  return [
    clusterRole('wcp360-platform', 'What the platform’s own Sources may do: declare tenants and all that they have.', [
      ours(
        plurals.filter((plural) => !MADE_BY_CONTROLLERS.includes(plural)),
        [...READ, ...WRITE],
      ),
      { apiGroups: [''], resources: ['namespaces'], verbs: [...READ, ...WRITE] },
    ]),
    {
      ...role('wcp360-platform', SYSTEM_NAMESPACE),
      rules: [{ apiGroups: [''], resources: ['secrets'], verbs: ['get'] }],
    },
    ...bindings('wcp360-platform', 'source'),
  ];
}

function tenantRoles(namespaced: readonly string[]): readonly object[] {
  const own = { apiGroups: [''], resources: ['secrets', 'configmaps'] };
  const seen = { apiGroups: [''], resources: ['resourcequotas', 'serviceaccounts'], verbs: READ };
  const happened = { apiGroups: ['', 'events.k8s.io'], resources: ['events'], verbs: READ };
  return [
    clusterRole('wcp360-tenant-owner', 'What owners may do in their tenant’s namespace.', [
      // What a host shows a CA is made by orders alone.
      ours(['challenges'], READ),
      ours(
        namespaced.filter((plural) => plural !== 'challenges'),
        [...READ, 'create', 'update', 'patch', 'delete', 'deletecollection'],
      ),
      ours(namespaced.map(statusOf), ['get']),
      { ...own, verbs: [...READ, 'create', 'update', 'patch', 'delete', 'deletecollection'] },
      stream('domains/log', ['get']),
      // A WebSocket begins with a GET, and the gateway asks for more.
      stream('domains/exec', ['get', 'create']),
      stream('databases/dump', ['get']),
      ...['restore', 'shell'].map((work) => stream(`databases/${work}`, ['get', 'create'])),
      stream('databases/web', ['create']),
      seen,
      happened,
    ]),
    clusterRole(
      'wcp360-tenant-viewer',
      'What somebody may see who looks after a tenant without touching it; no Secrets.',
      [ours(namespaced, READ), stream('domains/log', ['get']), seen, happened],
    ),
  ];
}

function ours(resources: readonly string[], verbs: readonly string[]): Rule {
  return { apiGroups: [GROUP], resources, verbs };
}

function stream(resource: string, verbs: readonly string[]): Rule {
  return { apiGroups: [STREAMS.group], resources: [resource], verbs };
}

function statusOf(plural: string): string {
  return `${plural}/status`;
}

function events(): Rule {
  return { apiGroups: [''], resources: ['events'], verbs: APPLY };
}

function clusterRole(name: string, description: string, rules: readonly Rule[]): object {
  const metadata = {
    name,
    labels: { 'app.kubernetes.io/part-of': 'wcp360' },
    annotations: { 'kubernetes.io/description': description },
  };
  return { apiVersion: `${RBAC}/v1`, kind: 'ClusterRole', metadata, rules };
}

function role(name: string, namespace: string): object {
  return {
    apiVersion: `${RBAC}/v1`,
    kind: 'Role',
    metadata: { name, namespace, labels: { 'app.kubernetes.io/part-of': 'wcp360' } },
  };
}

function bindings(name: string, account: string, ...elsewhere: readonly string[]): readonly object[] {
  const subjects = [accountSubject(account)];
  return [undefined, SYSTEM_NAMESPACE, ...elsewhere].map((namespace) => binding(name, subjects, namespace));
}

function accountSubject(name: string): object {
  return { kind: 'ServiceAccount', name, namespace: SYSTEM_NAMESPACE };
}

/** Binds the role of the same name in a namespace, or everywhere. */
function binding(name: string, subjects: readonly object[], namespace?: string): object {
  const isEverywhere = namespace === undefined;
  return {
    apiVersion: `${RBAC}/v1`,
    kind: isEverywhere ? 'ClusterRoleBinding' : 'RoleBinding',
    metadata: {
      name,
      ...(isEverywhere ? {} : { namespace }),
      labels: { 'app.kubernetes.io/part-of': 'wcp360' },
    },
    roleRef: { apiGroup: RBAC, kind: isEverywhere ? 'ClusterRole' : 'Role', name },
    subjects,
  };
}
