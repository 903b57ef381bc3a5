import type { FieldFault } from '#runtime/base/errors.ts';
import { isEqual, isRecord } from '#runtime/base/json.ts';
import { fault, shown } from '#runtime/apiserver/http/api-errors.ts';
import { invalidValue, labelSelectorFaults } from '#runtime/apiserver/registry/names.ts';
import { plainStrategy, type Strategy } from '#runtime/apiserver/registry/strategy.ts';
import type { KubeObject } from '#schemas/meta/object.ts';
import { recordAt } from './fields.ts';

/** Role and ClusterRole: every rule names verbs, and either resources with their groups or paths. */
export const roleStrategy: Strategy = {
  ...plainStrategy,
  names: 'segment',
  createOnUpdate: true,
  validate: (role) => [
    ...listAt(role, 'rules').flatMap((rule, index) => ruleFaults(rule, `rules[${index}]`, role.kind === 'Role')),
    ...aggregationFaults(role),
  ],
};

function aggregationFaults(role: KubeObject): readonly FieldFault[] {
  const { aggregationRule } = role;
  if (!isRecord(aggregationRule)) return [];
  const selectors = Array.isArray(aggregationRule['clusterRoleSelectors'])
    ? aggregationRule['clusterRoleSelectors']
    : [];
  const field = 'aggregationRule.clusterRoleSelectors';
  if (selectors.length === 0)
    return [needed(field, 'at least one clusterRoleSelector required if aggregationRule is non-nil')];
  return selectors.filter(isRecord).flatMap((selector, index) => {
    const faults = labelSelectorFaults(selector, `${field}[${index}]`);
    return faults.length === 0 ? [] : [...faults, invalidValue(`${field}[${index}]`, null, 'invalid label selector.')];
  });
}

/** RoleBinding and ClusterRoleBinding: whom it binds may change, to what never. */
export const bindingStrategy: Strategy = {
  ...plainStrategy,
  names: 'segment',
  createOnUpdate: true,
  prepareCreate: (draft) => {
    const role = recordAt(draft, 'roleRef');
    if (role['apiGroup'] === undefined || role['apiGroup'] === '') draft['roleRef'] = { ...role, apiGroup: rbacGroup };
    draft['subjects'] = withGroups(draft['subjects']);
  },
  prepareUpdate: (draft) => {
    const role = recordAt(draft, 'roleRef');
    if (role['apiGroup'] === undefined || role['apiGroup'] === '') draft['roleRef'] = { ...role, apiGroup: rbacGroup };
    draft['subjects'] = withGroups(draft['subjects']);
  },
  validate: (binding, old) => [
    ...roleRefFaults(binding),
    ...listAt(binding, 'subjects').flatMap((subject, index) =>
      subjectFaults(subject, `subjects[${index}]`, binding.kind === 'RoleBinding'),
    ),
    ...(old === undefined || isEqual(binding['roleRef'], old['roleRef'])
      ? []
      : [invalidValue('roleRef', binding['roleRef'], 'cannot change roleRef')]),
  ],
};

const rbacGroup = 'rbac.authorization.k8s.io';

function withGroups(subjects: unknown): unknown {
  if (!Array.isArray(subjects)) return subjects;
  return subjects.map((subject: unknown) => {
    if (!isRecord(subject) || (subject['apiGroup'] ?? '') !== '') return subject;
    return subject['kind'] === 'User' || subject['kind'] === 'Group' ? { ...subject, apiGroup: rbacGroup } : subject;
  });
}

function listAt(object: KubeObject, field: string): readonly Readonly<Record<string, unknown>>[] {
  const value = object[field];
  return Array.isArray(value) ? value.filter(isRecord) : [];
}

function isEmptyList(value: unknown): boolean {
  return !Array.isArray(value) || value.length === 0;
}

function ruleFaults(rule: Readonly<Record<string, unknown>>, at: string, namespaced: boolean): readonly FieldFault[] {
  const faults: FieldFault[] = [];
  if (isEmptyList(rule['verbs'])) faults.push(needed(`${at}.verbs`, 'verbs must contain at least one value'));
  if (!isEmptyList(rule['nonResourceURLs'])) {
    if (namespaced)
      faults.push(
        invalidValue(
          `${at}.nonResourceURLs`,
          rule['nonResourceURLs'],
          'namespaced rules cannot apply to non-resource URLs',
        ),
      );
    if (['apiGroups', 'resources', 'resourceNames'].some((field) => !isEmptyList(rule[field]))) {
      faults.push(
        invalidValue(
          `${at}.nonResourceURLs`,
          rule['nonResourceURLs'],
          'rules cannot apply to both regular resources and non-resource URLs',
        ),
      );
    }
    return faults;
  }
  if (isEmptyList(rule['apiGroups']))
    faults.push(needed(`${at}.apiGroups`, 'resource rules must supply at least one api group'));
  if (isEmptyList(rule['resources']))
    faults.push(needed(`${at}.resources`, 'resource rules must supply at least one resource'));
  return faults;
}

function roleRefFaults(binding: KubeObject): readonly FieldFault[] {
  const { apiGroup, kind, name } = recordAt(binding, 'roleRef');
  const kinds = binding.kind === 'RoleBinding' ? ['Role', 'ClusterRole'] : ['ClusterRole'];
  return [
    ...(apiGroup === rbacGroup ? [] : [notSupported('roleRef.apiGroup', apiGroup, [rbacGroup])]),
    ...(typeof kind === 'string' && kinds.includes(kind) ? [] : [notSupported('roleRef.kind', kind, kinds)]),
    ...(typeof name === 'string' && name !== '' ? [] : [fault('roleRef.name', 'FieldValueRequired', 'Required value')]),
  ];
}

type Fields = Readonly<Record<string, unknown>>;

function subjectFaults(subject: Fields, at: string, namespaced: boolean): readonly FieldFault[] {
  const { kind, name } = subject;
  const nameless =
    typeof name !== 'string' || name === '' ? [fault(`${at}.name`, 'FieldValueRequired', 'Required value')] : [];
  if (kind === 'ServiceAccount') return [...nameless, ...accountFaults(subject, at, namespaced)];
  if (kind === 'User' || kind === 'Group') {
    const { apiGroup } = subject;
    return [...nameless, ...(apiGroup === rbacGroup ? [] : [notSupported(`${at}.apiGroup`, apiGroup, [rbacGroup])])];
  }
  return [...nameless, notSupported(`${at}.kind`, kind, ['ServiceAccount', 'User', 'Group'])];
}

/** A binding without a namespace cannot mean an account of its own. */
function accountFaults(
  { namespace = '', apiGroup = '' }: Fields,
  at: string,
  namespaced: boolean,
): readonly FieldFault[] {
  return [
    ...(apiGroup === '' ? [] : [notSupported(`${at}.apiGroup`, apiGroup, [''])]),
    ...(namespaced || namespace !== '' ? [] : [fault(`${at}.namespace`, 'FieldValueRequired', 'Required value')]),
  ];
}

function needed(field: string, why: string): FieldFault {
  return fault(field, 'FieldValueRequired', `Required value: ${why}`);
}

function notSupported(field: string, value: unknown, supported: readonly string[]): FieldFault {
  return fault(
    field,
    'FieldValueNotSupported',
    `Unsupported value: ${shown(value ?? '')}: supported values: ${supported.map(shown).join(', ')}`,
  );
}
