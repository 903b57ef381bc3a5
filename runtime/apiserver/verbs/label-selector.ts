import { ApiError } from '#runtime/base/errors.ts';
import { badRequest } from '#runtime/apiserver/http/api-errors.ts';
import { invalidValue, labelValueProblems, qualifiedNameProblems } from '#runtime/apiserver/registry/names.ts';
import { lexLabelSelector, type LabelToken } from './label-tokens.ts';

/** One requirement; all of a selector must hold. */
export interface LabelRequirement {
  readonly key: string;
  readonly operator: 'in' | 'notin' | 'exists' | 'absent' | 'gt' | 'lt';
  readonly values: ReadonlySet<string>;
}

type LabelMap = Readonly<Record<string, string>>;

/** Reads a label selector (`a=b,c!=d,e in (f,g),h,!i,j>1`); 400 in the words of Kubernetes when it is none. */
export function parseLabelSelector(text: string): readonly LabelRequirement[] {
  const tokens = new Tokens(lexLabelSelector(text));
  const requirements: LabelRequirement[] = [];
  for (;;) {
    const { type, text: found } = tokens.peek();
    if (type === 'end') return requirements;
    if (!startsRequirement(type)) throw expected(found, "!, identifier, or 'end of string'");
    requirements.push(requirementOf(tokens));
    const after = tokens.take();
    if (after.type === 'end') return requirements;
    if (after.type !== ',') throw expected(after.text, "',' or 'end of string'");
    const next = tokens.peek();
    if (!startsRequirement(next.type)) throw expected(next.text, "identifier after ','");
  }
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
    case 'gt':
    case 'lt':
      return value !== undefined && isBeyond(requirement, value);
  }
}

/** Numbers are compared as whole numbers; what is none is on no side. */
function isBeyond({ operator, values }: LabelRequirement, value: string): boolean {
  const [bound = ''] = values;
  if (!integer.test(value)) return false;
  return operator === 'gt' ? BigInt(value) > BigInt(bound) : BigInt(value) < BigInt(bound);
}

const integer = /^[-+]?\d+$/u;

/** Tokens one after the other; the last one is `end`. */
class Tokens {
  readonly #tokens: readonly LabelToken[];
  #at = 0;

  constructor(tokens: readonly LabelToken[]) {
    this.#tokens = tokens;
  }

  /** `asOperator`: whether `in` and `notin` are more than identifiers here. */
  peek(asOperator = false): LabelToken {
    const token = this.#tokens[this.#at] ?? { type: 'end', text: '' };
    const isWord = token.type === 'in' || token.type === 'notin';
    return isWord && !asOperator ? { ...token, type: 'identifier' } : token;
  }

  take(asOperator = false): LabelToken {
    const token = this.peek(asOperator);
    this.#at += 1;
    return token;
  }
}

function startsRequirement(type: LabelToken['type']): boolean {
  return type === 'identifier' || type === '!';
}

function expected(found: string, what: string): ApiError {
  return badRequest(`found '${found}', expected: ${what}`);
}

/** One requirement; what is wrong in it is told as such. */
function requirementOf(tokens: Tokens): LabelRequirement {
  try {
    return checked(bareRequirement(tokens));
  } catch (err) {
    throw err instanceof ApiError ? badRequest(`unable to parse requirement: ${err.message}`) : err;
  }
}

const operators: Readonly<Partial<Record<LabelToken['type'], LabelRequirement['operator']>>> = {
  in: 'in',
  notin: 'notin',
  '=': 'in',
  '==': 'in',
  '!=': 'notin',
  '>': 'gt',
  '<': 'lt',
};

function bareRequirement(tokens: Tokens): LabelRequirement {
  const first = tokens.take();
  const isAbsent = first.type === '!';
  const { type, text: key } = isAbsent ? tokens.take() : first;
  if (type !== 'identifier') throw expected(key, 'identifier');
  requireKey(key, '<nil>');
  const next = tokens.peek().type;
  if (isAbsent) return { key, operator: 'absent', values: new Set() };
  if (next === 'end' || next === ',') return { key, operator: 'exists', values: new Set() };
  const found = tokens.take(true);
  const operator = operators[found.type];
  if (operator === undefined) throw expected(found.text, 'in, notin, =, ==, !=, gt, lt');
  const isSet = found.type === 'in' || found.type === 'notin';
  return { key, operator, values: isSet ? listOf(tokens) : new Set([valueOf(tokens)]) };
}

function valueOf(tokens: Tokens): string {
  const { type } = tokens.peek();
  if (type === 'end' || type === ',') return '';
  const found = tokens.take();
  if (found.type !== 'identifier') throw expected(found.text, 'identifier');
  return found.text;
}

function listOf(tokens: Tokens): ReadonlySet<string> {
  const open = tokens.take();
  if (open.type !== '(') throw badRequest(`found '${open.text}' expected: '('`);
  const { type, text } = tokens.peek();
  if (type === ')') {
    tokens.take();
    return new Set();
  }
  if (type !== 'identifier' && type !== ',') throw expected(text, "',', ')' or identifier");
  const values = new Set<string>();
  while (tokens.peek().type !== ')') takeListed(tokens, values);
  tokens.take();
  return values;
}

/** A value with what follows it, or a comma that has an empty value on one of its sides. */
function takeListed(tokens: Tokens, values: Set<string>): void {
  const { type, text } = tokens.take();
  const next = tokens.peek();
  if (type === 'identifier') {
    values.add(text);
    if (next.type !== ',' && next.type !== ')') throw expected(next.text, "',' or ')'");
  } else if (type === ',') {
    if (values.size === 0 || next.type === ')' || next.type === ',') values.add('');
    if (next.type === ',') tokens.take();
  } else throw expected(text, "',', or identifier");
}

function requireKey(key: string, field: string): void {
  const problems = qualifiedNameProblems(key);
  if (problems.length > 0) throw refused([[field, key, problems.join('; ')]]);
}

type Problem = readonly [field: string, value: unknown, why: string];

function refused(problems: readonly Problem[]): ApiError {
  const texts = problems.map((problem) => invalidValue(...problem)).map(({ field, message }) => `${field}: ${message}`);
  return badRequest(texts.length === 1 ? (texts[0] ?? '') : `[${texts.join(', ')}]`);
}

function checked(requirement: LabelRequirement): LabelRequirement {
  const { key, operator } = requirement;
  const values = [...requirement.values].toSorted();
  const isOrder = operator === 'gt' || operator === 'lt';
  const isBare = operator === 'exists' || operator === 'absent';
  const problems: readonly Problem[] = [
    ...(values.length === 0 && !isBare
      ? [['values', values, "for 'in', 'notin' operators, values set can't be empty"] as const]
      : []),
    ...values.flatMap((value, index): readonly Problem[] =>
      isOrder && !integer.test(value)
        ? [[`values[${index}]`, value, "for 'Gt', 'Lt' operators, the value must be an integer"]]
        : [],
    ),
    ...values.flatMap((value, index): readonly Problem[] => {
      const why = labelValueProblems(value);
      return why.length === 0 ? [] : [[`values[${index}][${key}]`, value, why.join('; ')]];
    }),
  ];
  if (problems.length > 0) throw refused(problems);
  return requirement;
}
