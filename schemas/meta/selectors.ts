/** Label selectors: the object form of manifests (`matchLabels`, `matchExpressions`) and the text form of URLs (`a=b,c in (d,e),!f`). */

/** One condition on one label. `Exists` and `DoesNotExist` have no values. */
export interface Requirement {
  readonly key: string;
  readonly operator: 'In' | 'NotIn' | 'Exists' | 'DoesNotExist';
  readonly values: readonly string[];
}

/** All requirements must hold; none means: everything matches. */
export type Selector = readonly Requirement[];

/** A selector as it stands in a manifest. */
export interface LabelSelector {
  readonly matchLabels?: Readonly<Record<string, string>>;
  readonly matchExpressions?: readonly {
    readonly key: string;
    readonly operator: Requirement['operator'];
    readonly values?: readonly string[];
  }[];
}

export type Labels = Readonly<Record<string, string>>;

/** The requirements of a manifest's selector; an absent or empty one matches everything. */
export function selectorOf(selector: LabelSelector | undefined): Selector {
  const labels = Object.entries(selector?.matchLabels ?? {});
  return [
    ...labels.map(([key, value]): Requirement => ({ key, operator: 'In', values: [value] })),
    ...(selector?.matchExpressions ?? []).map((part) => ({ ...part, values: part.values ?? [] })),
  ];
}

/** `NotIn` holds for an object that lacks the label, as in Kubernetes. */
export function matchesLabels(selector: Selector, labels: Labels | undefined): boolean {
  return selector.every((requirement) => isMet(requirement, labels?.[requirement.key]));
}

function isMet(requirement: Requirement, value: string | undefined): boolean {
  switch (requirement.operator) {
    case 'In':
      return value !== undefined && requirement.values.includes(value);
    case 'NotIn':
      return value === undefined || !requirement.values.includes(value);
    case 'Exists':
      return value !== undefined;
    case 'DoesNotExist':
      return value === undefined;
  }
}

const KEY = String.raw`(?:[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?/)?[A-Za-z0-9](?:[A-Za-z0-9._-]{0,61}[A-Za-z0-9])?`;
const VALUE = String.raw`(?:[A-Za-z0-9](?:[A-Za-z0-9._-]{0,61}[A-Za-z0-9])?)?`;
const EQUALITY = new RegExp(`^(${KEY})\\s*(==|=|!=)\\s*(${VALUE})$`);
const SET = new RegExp(`^(${KEY})\\s+(in|notin)\\s*\\(([^()]*)\\)$`);
const PRESENCE = new RegExp(`^(!?)\\s*(${KEY})$`);
const WHOLE_VALUE = new RegExp(`^${VALUE}$`);

/** The requirements of a URL's `labelSelector`; `undefined` when it is malformed. */
export function parseSelector(text: string): Selector | undefined {
  if (text.trim() === '') return [];
  const requirements: Requirement[] = [];
  for (const part of splitOutsideParentheses(text)) {
    const requirement = parseRequirement(part.trim());
    if (requirement === undefined) return undefined;
    requirements.push(requirement);
  }
  return requirements;
}

function parseRequirement(part: string): Requirement | undefined {
  return parseEquality(part) ?? parseSet(part) ?? parsePresence(part);
}

function parseEquality(part: string): Requirement | undefined {
  const match = EQUALITY.exec(part);
  if (match === null) return undefined;
  const [, key = '', sign, value = ''] = match;
  return { key, operator: sign === '!=' ? 'NotIn' : 'In', values: [value] };
}

function parseSet(part: string): Requirement | undefined {
  const [, key = '', word, list] = SET.exec(part) ?? [];
  const values = list?.split(',').map((value) => value.trim());
  if (values === undefined || !values.every((value) => WHOLE_VALUE.test(value))) return undefined;
  return { key, operator: word === 'in' ? 'In' : 'NotIn', values };
}

function parsePresence(part: string): Requirement | undefined {
  const match = PRESENCE.exec(part);
  if (match === null) return undefined;
  const [, not, key = ''] = match;
  return { key, operator: not === '!' ? 'DoesNotExist' : 'Exists', values: [] };
}

function splitOutsideParentheses(text: string): readonly string[] {
  return text.split(/,(?![^(]*\))/);
}
