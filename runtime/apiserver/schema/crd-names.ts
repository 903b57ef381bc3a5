import type { FieldFault } from '#runtime/base/errors.ts';
import { forbidden, invalid, notSupported, requiredValue } from '#runtime/validation/faults.ts';
import type { DefinitionNames, DefinitionSpec } from '#runtime/apiserver/registry/definition.ts';
import type { KubeObject } from '#schemas/meta/object.ts';

export const LABEL = /^[a-z]([-a-z0-9]{0,61}[a-z0-9])?$/;
const SUBDOMAIN_PART = /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/;
const APPROVAL = 'api-approved.kubernetes.io';

export const LABEL_WORDS =
  "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character (e.g. 'my-name',  or 'abc-123', regex used for validation is '[a-z]([-a-z0-9]*[a-z0-9])?')";
const SUBDOMAIN_WORDS =
  "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character";

/** Group, scope, names and conversion of a definition (C1). */
export function validateNames(definition: KubeObject, spec: DefinitionSpec): readonly FieldFault[] {
  const { group, names, scope } = spec;
  const wanted = `${names.plural}.${group}`;
  const { name, generateName = '' } = definition.metadata;
  const given = Object.entries({ name, ...(generateName === '' ? {} : { generateName }) });
  return [
    ...given
      .filter(([, word]) => word !== wanted)
      .map(([field, word]) => invalid(`metadata.${field}`, word, 'must be spec.names.plural+"."+spec.group')),
    ...validateGroup(group, definition.metadata.annotations),
    ...(scope === 'Cluster' || scope === 'Namespaced'
      ? []
      : [notSupported('spec.scope', scope, ['Cluster', 'Namespaced'])]),
    ...validateWords('spec.names', names),
    ...validateRest(spec),
  ];
}

/** What may not be changed any more once objects may be stored (C1, updates). */
export function validateUnchanged(
  spec: DefinitionSpec,
  old: DefinitionSpec,
  isEstablished: boolean,
): readonly FieldFault[] {
  const fixed: readonly (readonly [string, unknown, unknown])[] = [
    ['spec.group', spec.group, old.group],
    ['spec.names.plural', spec.names.plural, old.names.plural],
    ...(isEstablished
      ? ([
          ['spec.scope', spec.scope, old.scope],
          ['spec.names.kind', spec.names.kind, old.names.kind],
        ] as const)
      : []),
  ];
  return fixed.flatMap(([field, now, before]) => (now === before ? [] : [invalid(field, now, 'field is immutable')]));
}

function validateGroup(group: string, annotations: KubeObject['metadata']['annotations']): readonly FieldFault[] {
  if (group === '') return [requiredValue('spec.group')];
  const parts = group.split('.');
  if (group.length > 253 || !parts.every((part) => SUBDOMAIN_PART.test(part))) {
    return [invalid('spec.group', group, SUBDOMAIN_WORDS)];
  }
  if (parts.length < 2) return [invalid('spec.group', group, 'should be a domain with at least one dot')];
  const isProtected = /(^|\.)(k8s|kubernetes)\.io$/.test(group);
  const approval = annotations?.[APPROVAL] ?? '';
  if (!isProtected || /^(unapproved|https?:\/\/)/.test(approval)) return [];
  return [
    invalid(
      'metadata.annotations[api-approved.kubernetes.io]',
      approval,
      'protected groups must have approval annotation "api-approved.kubernetes.io" with either a URL or a reason starting with "unapproved", see https://github.com/kubernetes/enhancements/pull/1111',
    ),
  ];
}

function validateWords(path: string, names: DefinitionNames): readonly FieldFault[] {
  const { plural, kind } = names;
  const labels: readonly (readonly [string, string])[] = [
    ['plural', plural],
    ['singular', names.singular ?? kind.toLowerCase()],
    ['kind', kind],
    ['listKind', names.listKind ?? `${kind}List`],
    ...(names.shortNames ?? []).map((name, index) => [`shortNames[${index}]`, name] as const),
    ...(names.categories ?? []).map((name, index) => [`categories[${index}]`, name] as const),
  ];
  const faults = labels.flatMap(([field, word]) => validateLabel(`${path}.${field}`, word));
  if ((names.listKind ?? '') !== kind) return faults;
  return [...faults, invalid(`${path}.listKind`, names.listKind, 'kind and listKind may not be the same')];
}

/** Kinds are checked in lower case: they may have capitals but nothing else that a label may not. */
function validateLabel(field: string, word: string): readonly FieldFault[] {
  if (word === '') return [requiredValue(field)];
  const isKind = field.endsWith('ind');
  return LABEL.test(isKind ? word.toLowerCase() : word) ? [] : [invalid(field, word, LABEL_WORDS)];
}

function validateRest(spec: DefinitionSpec): readonly FieldFault[] {
  const { conversion, preserveUnknownFields } = spec as DefinitionSpec & {
    readonly conversion?: { readonly strategy: string };
    readonly preserveUnknownFields?: boolean;
  };
  const strategy = conversion?.strategy ?? 'None';
  return [
    ...(strategy === 'None'
      ? []
      : strategy === 'Webhook'
        ? [forbidden('spec.conversion.strategy', 'this server converts by None only')]
        : [notSupported('spec.conversion.strategy', strategy, ['None', 'Webhook'])]),
    ...(preserveUnknownFields === true
      ? [
          invalid(
            'spec.preserveUnknownFields',
            true,
            'cannot set to true, set x-kubernetes-preserve-unknown-fields to true in spec.versions[*].schema instead',
          ),
        ]
      : []),
  ];
}
