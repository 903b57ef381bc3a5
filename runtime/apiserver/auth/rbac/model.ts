import type { KubeObject } from '#schemas/meta/object.ts';

/** The shapes of rbac.authorization.k8s.io/v1. Lists that are absent or null on the wire are empty here (see `rulesOf`). */
export const rbacGroup = 'rbac.authorization.k8s.io';

export const rbacCollections = {
  roles: `${rbacGroup}/roles`,
  clusterRoles: `${rbacGroup}/clusterroles`,
  roleBindings: `${rbacGroup}/rolebindings`,
  clusterRoleBindings: `${rbacGroup}/clusterrolebindings`,
} as const;

export interface PolicyRule {
  readonly verbs: readonly string[];
  readonly apiGroups: readonly string[];
  readonly resources: readonly string[];
  /** Empty: every name. */
  readonly resourceNames: readonly string[];
  readonly nonResourceURLs: readonly string[];
}

export interface Subject {
  readonly kind: 'User' | 'Group' | 'ServiceAccount';
  readonly name: string;
  /** Of a ServiceAccount. */
  readonly namespace: string;
}

export interface RoleRef {
  readonly apiGroup: string;
  readonly kind: string;
  readonly name: string;
}

export interface LabelSelector {
  readonly matchLabels?: Readonly<Record<string, string>>;
  readonly matchExpressions?: readonly {
    readonly key: string;
    readonly operator: string;
    readonly values?: readonly string[];
  }[];
}

/** The rules of a Role or ClusterRole. */
export function rulesOf(role: KubeObject): readonly PolicyRule[] {
  const rules = role['rules'];
  return Array.isArray(rules) ? (rules as Partial<PolicyRule>[]).map(completeRule) : [];
}

/** A rule with its absent lists filled in. */
export function completeRule(rule: Partial<PolicyRule>): PolicyRule {
  return {
    verbs: rule.verbs ?? [],
    apiGroups: rule.apiGroups ?? [],
    resources: rule.resources ?? [],
    resourceNames: rule.resourceNames ?? [],
    nonResourceURLs: rule.nonResourceURLs ?? [],
  };
}

/** The subjects of a binding; one whose kind nobody knows is left out. */
export function subjectsOf(binding: KubeObject): readonly Subject[] {
  const subjects = binding['subjects'];
  if (!Array.isArray(subjects)) return [];
  return (subjects as Partial<Subject>[]).flatMap((subject): Subject[] => {
    const { kind, name, namespace } = subject;
    if (name === undefined || (kind !== 'User' && kind !== 'Group' && kind !== 'ServiceAccount')) return [];
    return [{ kind, name, namespace: namespace ?? '' }];
  });
}

export function roleRefOf(binding: KubeObject): RoleRef {
  const ref = (binding['roleRef'] ?? {}) as Partial<RoleRef>;
  return { apiGroup: ref.apiGroup ?? rbacGroup, kind: ref.kind ?? '', name: ref.name ?? '' };
}

/** Which labels an aggregated ClusterRole collects its rules by; `undefined` when it is an ordinary one. */
export function aggregationSelectorsOf(role: KubeObject): readonly LabelSelector[] | undefined {
  const rule = role['aggregationRule'] as
    { readonly clusterRoleSelectors?: readonly LabelSelector[] } | undefined | null;
  if (rule === undefined || rule === null) return undefined;
  return rule.clusterRoleSelectors ?? [];
}
