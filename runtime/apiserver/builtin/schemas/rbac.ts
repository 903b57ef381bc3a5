import type { Schema } from '#schemas/meta/schema.ts';
import { held } from './held.ts';
import { group, kindSchema, labelSelector, list, text, whole } from './shapes.ts';

const policyRule = group('Verbs that are allowed on resources or on paths.', {
  verbs: held('always', {
    ...list('Verbs such as get, list, watch, create, update, patch, delete; `*` for all.'),
    nullable: true,
  }),
  apiGroups: list('Groups of the resources; an empty text is the core group.'),
  resources: list('Resources in the plural, `resource/subresource`, or `*`.'),
  resourceNames: list('Names to which the rule is restricted.'),
  nonResourceURLs: list('Paths such as `/metrics`, with `*` at the end for what lies below.'),
});

const rules = held('always', { ...list('What is allowed; there is no way to forbid.', policyRule), nullable: true });

const subject = whole(
  group('A user, a group or a ServiceAccount.', {
    kind: held('always', text('User, Group or ServiceAccount.')),
    apiGroup: text('`rbac.authorization.k8s.io` for users and groups, empty for a ServiceAccount.'),
    name: held('always', text('Its name.')),
    namespace: text('Namespace of a ServiceAccount.'),
  }),
);

const roleRef = held(
  'always',
  whole(
    group('The role that is given. It cannot be changed.', {
      apiGroup: held('always', text('`rbac.authorization.k8s.io`')),
      kind: held('always', text('Role or ClusterRole.')),
      name: held('always', text('Its name.')),
    }),
  ),
);

const aggregationRule = held(
  'pointer',
  group('Takes the rules of other ClusterRoles over.', {
    clusterRoleSelectors: list('Labels of the ClusterRoles whose rules count here.', labelSelector),
  }),
);

const bindingFields: Readonly<Record<string, Schema>> = { roleRef, subjects: list('Who is given the role.', subject) };

/** Roles and who has them. */
export const rbacSchemas: Readonly<Record<string, Schema>> = {
  'rbac.authorization.k8s.io/v1/Role': held('struct', kindSchema('What is allowed in a namespace.', { rules })),
  'rbac.authorization.k8s.io/v1/ClusterRole': held(
    'struct',
    kindSchema('What is allowed in all namespaces, or where a RoleBinding says.', { rules, aggregationRule }),
  ),
  'rbac.authorization.k8s.io/v1/RoleBinding': held(
    'struct',
    kindSchema('Gives a role to somebody in one namespace.', bindingFields),
  ),
  'rbac.authorization.k8s.io/v1/ClusterRoleBinding': held(
    'struct',
    kindSchema('Gives a ClusterRole to somebody everywhere.', bindingFields),
  ),
};
