import type { KubeObject } from '#schemas/meta/object.ts';
import { rbacGroup } from '#runtime/apiserver/auth/rbac/model.ts';
import { wellKnownGroups } from '#runtime/apiserver/auth/users.ts';

/** Says that the server mends a role or binding of the bootstrap policy at each start; `"false"` leaves it to people. */
export const autoupdateAnnotation = 'rbac.authorization.kubernetes.io/autoupdate';

const read = ['get', 'list', 'watch'];
const write = ['create', 'delete', 'deletecollection', 'patch', 'update'];
const rbacApi = `${rbacGroup}/v1`;

interface RoleParts {
  readonly rules?: readonly Readonly<Record<string, readonly string[]>>[];
  readonly labels?: Readonly<Record<string, string>>;
  /** Collects the rules of roles with this label. */
  readonly aggregates?: string;
}

const healthPaths = ['/healthz', '/livez', '/readyz', '/version', '/version/'];
const discoveryPaths = ['/api', '/api/*', '/apis', '/apis/*', '/openapi', '/openapi/*', ...healthPaths];

/**
 * The roles and bindings that every cluster has under these names (Kubernetes docs, "Default roles and role bindings"), cut to the resources of this server.
 * Pure; `applyBootstrapObjects` writes them.
 */
export function bootstrapPolicy(): readonly KubeObject[] {
  return [...superuserPolicy(), ...basicPolicy(), ...servicePolicy(), ...userFacingPolicy()];
}

function superuserPolicy(): readonly KubeObject[] {
  const rules = [
    { apiGroups: ['*'], resources: ['*'], verbs: ['*'] },
    { nonResourceURLs: ['*'], verbs: ['*'] },
  ];
  return [clusterRole('cluster-admin', { rules }), clusterRoleBinding('cluster-admin', [wellKnownGroups.masters])];
}

/** What everybody may: look at what there is, and ask about themselves. */
function basicPolicy(): readonly KubeObject[] {
  const self = ['selfsubjectaccessreviews', 'selfsubjectrulesreviews'];
  const { authenticated, unauthenticated } = wellKnownGroups;
  return [
    clusterRole('system:discovery', { rules: [{ nonResourceURLs: discoveryPaths, verbs: ['get'] }] }),
    clusterRoleBinding('system:discovery', [authenticated]),
    clusterRole('system:public-info-viewer', { rules: [{ nonResourceURLs: healthPaths, verbs: ['get'] }] }),
    clusterRoleBinding('system:public-info-viewer', [authenticated, unauthenticated]),
    clusterRole('system:basic-user', {
      rules: [
        { apiGroups: ['authorization.k8s.io'], resources: self, verbs: ['create'] },
        { apiGroups: ['authentication.k8s.io'], resources: ['selfsubjectreviews'], verbs: ['create'] },
      ],
    }),
    clusterRoleBinding('system:basic-user', [authenticated]),
  ];
}

/** For programs: those that check others' tokens, scrape metrics, or verify our tokens. */
function servicePolicy(): readonly KubeObject[] {
  const metricPaths = ['/healthz', '/healthz/*', '/livez', '/livez/*', '/readyz', '/readyz/*', '/metrics'];
  const issuerPaths = ['/.well-known/openid-configuration', '/.well-known/openid-configuration/', '/openid/v1/jwks'];
  return [
    clusterRole('system:auth-delegator', {
      rules: [
        { apiGroups: ['authentication.k8s.io'], resources: ['tokenreviews'], verbs: ['create'] },
        { apiGroups: ['authorization.k8s.io'], resources: ['subjectaccessreviews'], verbs: ['create'] },
      ],
    }),
    clusterRole('system:monitoring', { rules: [{ nonResourceURLs: metricPaths, verbs: ['get'] }] }),
    clusterRoleBinding('system:monitoring', ['system:monitoring']),
    clusterRole('system:service-account-issuer-discovery', {
      rules: [{ nonResourceURLs: issuerPaths, verbs: ['get'] }],
    }),
    clusterRoleBinding('system:service-account-issuer-discovery', [wellKnownGroups.serviceAccounts]),
  ];
}

/** admin ⊇ edit ⊇ view, each collected by label, so that a module adds to them with a role of its own. */
function userFacingPolicy(): readonly KubeObject[] {
  const plain = ['configmaps', 'serviceaccounts', 'services'];
  const coordination = { apiGroups: ['coordination.k8s.io'], resources: ['leases'] };
  return [
    clusterRole('admin', { aggregates: 'admin' }),
    clusterRole('edit', { aggregates: 'edit', labels: aggregateTo('admin') }),
    clusterRole('view', { aggregates: 'view', labels: aggregateTo('edit') }),
    clusterRole('system:aggregate-to-admin', {
      labels: aggregateTo('admin'),
      rules: [
        { apiGroups: [rbacGroup], resources: ['rolebindings', 'roles'], verbs: [...write, ...read] },
        { apiGroups: ['authorization.k8s.io'], resources: ['localsubjectaccessreviews'], verbs: ['create'] },
      ],
    }),
    clusterRole('system:aggregate-to-edit', {
      labels: aggregateTo('edit'),
      rules: [
        { apiGroups: [''], resources: [...plain, 'events'], verbs: write },
        { apiGroups: [''], resources: ['secrets'], verbs: [...write, ...read] },
        { apiGroups: [''], resources: ['serviceaccounts/token'], verbs: ['create'] },
        { apiGroups: [''], resources: ['serviceaccounts'], verbs: ['impersonate'] },
        { ...coordination, verbs: write },
      ],
    }),
    clusterRole('system:aggregate-to-view', {
      labels: aggregateTo('view'),
      rules: [
        { apiGroups: [''], resources: [...plain, 'events', 'namespaces', 'resourcequotas'], verbs: read },
        { apiGroups: [''], resources: ['namespaces/status', 'resourcequotas/status'], verbs: read },
        { apiGroups: ['events.k8s.io'], resources: ['events'], verbs: read },
        { ...coordination, verbs: read },
      ],
    }),
  ];
}

function aggregateTo(role: string): Readonly<Record<string, string>> {
  return { [`${rbacGroup}/aggregate-to-${role}`]: 'true' };
}

function metadataOf(name: string, labels: Readonly<Record<string, string>> = {}) {
  return {
    name,
    labels: { 'kubernetes.io/bootstrapping': 'rbac-defaults', ...labels },
    annotations: { [autoupdateAnnotation]: 'true' },
  };
}

function clusterRole(name: string, parts: RoleParts): KubeObject {
  const { aggregates } = parts;
  return {
    apiVersion: rbacApi,
    kind: 'ClusterRole',
    metadata: metadataOf(name, parts.labels),
    ...(aggregates === undefined
      ? {}
      : { aggregationRule: { clusterRoleSelectors: [{ matchLabels: aggregateTo(aggregates) }] } }),
    rules: parts.rules ?? [],
  };
}

function clusterRoleBinding(name: string, groups: readonly string[]): KubeObject {
  return {
    apiVersion: rbacApi,
    kind: 'ClusterRoleBinding',
    metadata: metadataOf(name),
    subjects: groups.map((group) => ({ apiGroup: rbacGroup, kind: 'Group', name: group })),
    roleRef: { apiGroup: rbacGroup, kind: 'ClusterRole', name },
  };
}
