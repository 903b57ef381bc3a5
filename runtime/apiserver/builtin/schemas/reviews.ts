import type { Schema } from '#schemas/meta/schema.ts';
import { flag, group, kindSchema, list, lists, text, time, whole } from './shapes.ts';

const extra = lists('Further facts that authentication found.');

const userInfo = group('A user.', {
  username: text('Name of the user.'),
  uid: text('Uid of the user.'),
  groups: list('Groups of the user.'),
  extra,
});

const selector = (description: string, key: string): Schema =>
  group(description, {
    rawSelector: text('The selector as it stands in a query.'),
    requirements: list('The selector in parts.', {
      type: 'object',
      properties: { key: text(key), operator: text('In, NotIn, Exists or DoesNotExist.'), values: list('Values.') },
    }),
  });

const resourceAttributes = group('A request for a resource.', {
  namespace: text('Namespace; empty for all, or for cluster-scoped kinds.'),
  verb: text('The verb; `*` for all.'),
  group: text('Group of the resource.'),
  version: text('Version of the resource.'),
  resource: text('The resource in the plural.'),
  subresource: text('The subresource.'),
  name: text('Name of the object; empty for all.'),
  fieldSelector: selector('Restricts a list by fields.', 'The field.'),
  labelSelector: selector('Restricts a list by labels.', 'The label.'),
});

const nonResourceAttributes = group('A request for a path that is no resource.', {
  path: text('The path.'),
  verb: text('The verb in lower case.'),
});

const accessStatus = group('The answer.', {
  allowed: flag('Whether it is allowed.'),
  denied: flag('Whether it is forbidden, whatever else allows it.'),
  reason: text('Why.'),
  evaluationError: text('What went wrong while answering.'),
});

const selfSpec = { resourceAttributes, nonResourceAttributes };

const accessReview = kindSchema(
  'Asks whether a user may do something.',
  {
    spec: group('The question.', {
      ...selfSpec,
      user: text('The user.'),
      uid: text('Uid of the user.'),
      groups: list('Groups of the user.'),
      extra,
    }),
    status: accessStatus,
  },
  ['spec'],
);

const rule = (description: string, fields: readonly string[]): Schema =>
  group(description, Object.fromEntries(fields.map((field) => [field, list('Values; `*` for all.')])), ['verbs']);

const selfSubjectRulesReview = kindSchema(
  'Asks what the asking user may do in a namespace.',
  {
    spec: group('The question.', { namespace: text('The namespace.') }),
    status: group('The answer.', {
      resourceRules: list(
        'What is allowed on resources.',
        rule('A rule.', ['verbs', 'apiGroups', 'resources', 'resourceNames']),
      ),
      nonResourceRules: list('What is allowed on paths.', rule('A rule.', ['verbs', 'nonResourceURLs'])),
      incomplete: flag('Whether something may be missing.'),
      evaluationError: text('What went wrong while answering.'),
    }),
  },
  ['spec'],
);

const tokenRequest = kindSchema('Asks for a token of a ServiceAccount.', {
  spec: group('The token wanted.', {
    audiences: list('Who shall accept the token.'),
    expirationSeconds: { type: 'integer', format: 'int64', description: 'Seconds that it shall be valid.' },
    boundObjectRef: whole(
      group('The token ends with this object.', {
        kind: text('Kind of the object.'),
        apiVersion: text('API version of the object.'),
        name: text('Name of the object.'),
        uid: text('Uid of the object.'),
      }),
    ),
  }),
  status: group('The answer.', { token: text('The token.'), expirationTimestamp: time('When it ends.') }),
});

const tokenReview = kindSchema('Asks whose a token is.', {
  spec: group('The question.', { token: text('The token.'), audiences: list('Who wants to accept it.') }),
  status: group('The answer.', {
    authenticated: flag('Whether the token is good.'),
    user: userInfo,
    audiences: list('Who may accept it.'),
    error: text('What is wrong with it.'),
  }),
});

const selfSubjectReview = kindSchema('Asks who the asking user is.', { status: group('The answer.', { userInfo }) });

/** Questions that are answered and not stored. */
export const reviewSchemas: Readonly<Record<string, Schema>> = {
  'authentication.k8s.io/v1/TokenRequest': tokenRequest,
  'authentication.k8s.io/v1/TokenReview': tokenReview,
  'authentication.k8s.io/v1/SelfSubjectReview': selfSubjectReview,
  'authentication.k8s.io/v1beta1/SelfSubjectReview': selfSubjectReview,
  'authorization.k8s.io/v1/SubjectAccessReview': accessReview,
  'authorization.k8s.io/v1/LocalSubjectAccessReview': accessReview,
  'authorization.k8s.io/v1/SelfSubjectAccessReview': kindSchema(
    'Asks whether the asking user may do something.',
    { spec: group('The question.', selfSpec), status: accessStatus },
    ['spec'],
  ),
  'authorization.k8s.io/v1/SelfSubjectRulesReview': selfSubjectRulesReview,
};
