import type { FieldFault } from '#runtime/base/errors.ts';
import { fault, faultsOfEach, shown } from '#runtime/apiserver/http/api-errors.ts';
import type { NameRule } from './strategy.ts';

const label = /^[a-z0-9](?:[-a-z0-9]*[a-z0-9])?$/u;
const subdomain = /^[a-z0-9](?:[-a-z0-9]*[a-z0-9])?(?:\.[a-z0-9](?:[-a-z0-9]*[a-z0-9])?)*$/u;
const qualifiedPart = /^[A-Za-z0-9](?:[-A-Za-z0-9_.]*[A-Za-z0-9])?$/u;

const labelText =
  "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')";
const subdomainText =
  "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";
const qualifiedText =
  "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')";
const valueText =
  "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')";

const maxLabelLength = 63;
const maxSubdomainLength = 253;

/** What is wrong with a name under a rule; empty when nothing is. */
export function nameProblems(rule: NameRule, name: string): readonly string[] {
  if (rule === 'segment') return segmentProblems(name);
  const max = rule === 'label' ? maxLabelLength : maxSubdomainLength;
  return [
    ...(name.length > max ? [`must be no more than ${max} bytes`] : []),
    ...((rule === 'label' ? label : subdomain).test(name) ? [] : [rule === 'label' ? labelText : subdomainText]),
  ];
}

function segmentProblems(name: string): readonly string[] {
  if (name === '.' || name === '..') return [`may not be '${name}'`];
  return ['/', '%']
    .filter((character) => name.includes(character))
    .map((character) => `may not contain '${character}'`);
}

/** Faults of one key of labels, annotations or finalizers: `[prefix/]name`. */
export function qualifiedNameProblems(key: string): readonly string[] {
  const parts = key.split('/');
  const name = parts.at(-1) ?? '';
  if (parts.length > 2) {
    return [
      "a qualified name must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]') with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')",
    ];
  }
  return [
    ...(parts.length === 2 ? prefixProblems(parts[0] ?? '') : []),
    ...(name === '' ? ['name part must be non-empty'] : []),
    ...(name.length > maxLabelLength ? [`name part must be no more than ${maxLabelLength} bytes`] : []),
    ...(qualifiedPart.test(name) ? [] : [qualifiedText]),
  ];
}

function prefixProblems(prefix: string): readonly string[] {
  if (prefix === '') return ['prefix part must be non-empty'];
  return nameProblems('subdomain', prefix).map((problem) => `prefix part ${problem}`);
}

export function labelFaults(labels: Readonly<Record<string, unknown>>, field: string): readonly FieldFault[] {
  return faultsOfEach(Object.entries(labels), ([key, value]) => {
    const ofKey = isPlain(key) ? [] : qualifiedNameProblems(key);
    const ofValue = typeof value === 'string' ? labelValueProblems(value) : ['must be a string'];
    return [
      ...ofKey.map((problem) => invalidValue(field, key, problem)),
      ...ofValue.map((problem) => invalidValue(field, value, problem)),
    ];
  });
}

/** What is wrong with the value of a label; empty when nothing is. */
export function labelValueProblems(value: string): readonly string[] {
  return [
    ...(value.length > maxLabelLength ? [`must be no more than ${maxLabelLength} bytes`] : []),
    ...(value === '' || qualifiedPart.test(value) ? [] : [valueText]),
  ];
}

/** Faults of a selector of objects by their labels (`matchLabels`, `matchExpressions`). */
export function labelSelectorFaults(selector: Readonly<Record<string, unknown>>, field: string): readonly FieldFault[] {
  const { matchLabels = {}, matchExpressions = [] } = selector as {
    readonly matchLabels?: Readonly<Record<string, unknown>>;
    readonly matchExpressions?: readonly Requirement[];
  };
  return [
    ...labelFaults(matchLabels, `${field}.matchLabels`),
    ...matchExpressions.flatMap((one, index) => requirementFaults(one, `${field}.matchExpressions[${index}]`)),
  ];
}

interface Requirement {
  readonly key: string;
  readonly operator: string;
  readonly values?: readonly string[];
}

function requirementFaults({ key, operator, values = [] }: Requirement, field: string): readonly FieldFault[] {
  return [
    ...operatorFaults(operator, values, field),
    ...qualifiedNameProblems(key).map((problem) => invalidValue(`${field}.key`, key, problem)),
    ...values.flatMap((value, index) =>
      labelValueProblems(value).map((problem) => invalidValue(`${field}.values[${index}]`, value, problem)),
    ),
  ];
}

function operatorFaults(operator: string, values: readonly string[], field: string): readonly FieldFault[] {
  const needed = "Required value: must be specified when `operator` is 'In' or 'NotIn'";
  const unwanted = "Forbidden: may not be specified when `operator` is 'Exists' or 'DoesNotExist'";
  switch (operator) {
    case 'In':
    case 'NotIn':
      return values.length > 0 ? [] : [fault(`${field}.values`, 'FieldValueRequired', needed)];
    case 'Exists':
    case 'DoesNotExist':
      return values.length === 0 ? [] : [fault(`${field}.values`, 'FieldValueForbidden', unwanted)];
    default:
      return [invalidValue(`${field}.operator`, operator, 'not a valid selector operator')];
  }
}

/** The usual key without a prefix, told apart quickly. */
function isPlain(key: string): boolean {
  return key.length <= maxLabelLength && qualifiedPart.test(key);
}

export function invalidValue(field: string, value: unknown, why: string): FieldFault {
  return fault(field, 'FieldValueInvalid', `Invalid value: ${shown(value)}: ${why}`);
}
