import { badRequest } from '#runtime/apiserver/http/api-errors.ts';

/** One requirement; all of a selector must hold. */
export interface LabelRequirement {
  readonly key: string;
  readonly operator: 'in' | 'notin' | 'exists' | 'absent';
  readonly values: ReadonlySet<string>;
}

type LabelMap = Readonly<Record<string, string>>;

const keyPattern = /^(?:[a-z0-9](?:[-a-z0-9.]*[a-z0-9])?\/)?[A-Za-z0-9](?:[-A-Za-z0-9_.]*[A-Za-z0-9])?$/u;
const valuePattern = /^(?:[A-Za-z0-9](?:[-A-Za-z0-9_.]*[A-Za-z0-9])?)?$/u;
const setTerm = /^([^\s=!(),]+)\s+(in|notin)\s*\(([^()]*)\)$/u;
const equalTerm = /^([^\s=!(),]+)\s*(==|=|!=)\s*([^\s=!(),]*)$/u;

/** Reads a label selector (`a=b,c!=d,e in (f,g),h,!i`); 400 in the words of Kubernetes when it is none. */
export function parseLabelSelector(text: string): readonly LabelRequirement[] {
  return splitTerms(text).map((term) => parseTerm(term, text));
}

/** `!=` and `notin` also select objects without the key. */
export function matchesLabels(requirements: readonly LabelRequirement[], labels: LabelMap | undefined): boolean {
  for (const requirement of requirements) {
    const value = labels !== undefined && Object.hasOwn(labels, requirement.key) ? labels[requirement.key] : undefined;
    if (!holds(requirement, value)) return false;
  }
  return true;
}

function holds(requirement: LabelRequirement, value: string | undefined): boolean {
  switch (requirement.operator) {
    case 'exists':
      return value !== undefined;
    case 'absent':
      return value === undefined;
    case 'in':
      return value !== undefined && requirement.values.has(value);
    case 'notin':
      return value === undefined || !requirement.values.has(value);
  }
}

/** Splits at commas outside of parentheses. */
function splitTerms(text: string): readonly string[] {
  const terms: string[] = [];
  let depth = 0;
  let start = 0;
  for (let at = 0; at < text.length; at += 1) {
    const character = text[at];
    if (character === '(') depth += 1;
    else if (character === ')') depth -= 1;
    else if (character === ',' && depth === 0) {
      terms.push(text.slice(start, at).trim());
      start = at + 1;
    }
  }
  const last = text.slice(start).trim();
  return last === '' && terms.length === 0 ? [] : [...terms, last];
}

function parseTerm(term: string, text: string): LabelRequirement {
  const found = parseSetTerm(term) ?? parseEqualTerm(term) ?? parseExistenceTerm(term);
  if (found !== undefined) return checked(found);
  throw badRequest(`unable to parse requirement: found '${term}' in '${text}', expected: identifier`);
}

function parseSetTerm(term: string): LabelRequirement | undefined {
  const [, key = '', operator, list = ''] = setTerm.exec(term) ?? [];
  if (operator === undefined) return undefined;
  return {
    key,
    operator: operator === 'in' ? 'in' : 'notin',
    values: new Set(list.split(',').map((value) => value.trim())),
  };
}

function parseEqualTerm(term: string): LabelRequirement | undefined {
  const [, key = '', operator, value = ''] = equalTerm.exec(term) ?? [];
  if (operator === undefined) return undefined;
  return { key, operator: operator === '!=' ? 'notin' : 'in', values: new Set([value]) };
}

function parseExistenceTerm(term: string): LabelRequirement | undefined {
  const absent = term.startsWith('!');
  const key = absent ? term.slice(1).trim() : term;
  if (key === '' || /[\s=!(),]/u.test(key)) return undefined;
  return { key, operator: absent ? 'absent' : 'exists', values: new Set() };
}

function checked(requirement: LabelRequirement): LabelRequirement {
  if (!keyPattern.test(requirement.key) || (requirement.key.split('/').at(-1) ?? '').length > 63) {
    throw badRequest(
      `unable to parse requirement: <nil>: Invalid value: ${JSON.stringify(requirement.key)}: name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character`,
    );
  }
  for (const value of requirement.values) {
    if (!valuePattern.test(value) || value.length > 63) {
      throw badRequest(
        `unable to parse requirement: values[0][${requirement.key}]: Invalid value: ${JSON.stringify(value)}: a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character`,
      );
    }
  }
  return requirement;
}
