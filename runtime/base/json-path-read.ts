import { isRecord } from './json.ts';
import type { JsonPath, JsonPathOperand, JsonPathStep } from './json-path-parse.ts';

interface Evaluation {
  readonly whole: unknown;
}

/** What a parsed path selects from `current`, the element at hand; `$` starts at `whole`. */
export function readJsonPath(path: JsonPath, whole: unknown, current: unknown): readonly unknown[] {
  return readSteps(path, { whole }, current);
}

function readSteps(path: JsonPath, evaluation: Evaluation, current: unknown): readonly unknown[] {
  let values: readonly unknown[] = [path.root === 'whole' ? evaluation.whole : current];
  for (const step of path.steps) {
    values = values.flatMap((value) => applyStep(step, evaluation, value));
  }
  return values;
}

function applyStep(step: JsonPathStep, evaluation: Evaluation, value: unknown): readonly unknown[] {
  switch (step.kind) {
    case 'field':
      return fieldOf(value, step.name);
    case 'wildcard':
      return childrenOf(value);
    case 'recursive':
      return withDescendants(value);
    case 'slice':
      return Array.isArray(value) ? slice(value, step) : [];
    case 'union':
      return step.branches.flatMap((branch) => applyStep(branch, evaluation, value));
    case 'filter':
      return childrenOf(value).filter((child) => passes(step, evaluation, child));
  }
}

function fieldOf(value: unknown, name: string): readonly unknown[] {
  const found = isRecord(value) && Object.hasOwn(value, name) ? value[name] : undefined;
  return found === undefined ? [] : [found];
}

function childrenOf(value: unknown): readonly unknown[] {
  if (Array.isArray(value)) return value;
  return isRecord(value) ? Object.values(value) : [];
}

function withDescendants(value: unknown): readonly unknown[] {
  const found: unknown[] = [];
  const open: unknown[] = [value];
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    found.push(next);
    // One by one: a spread of a long list overflows the stack.
    for (const child of childrenOf(next).toReversed()) open.push(child);
  }
  return found;
}

function slice(
  list: readonly unknown[],
  bounds: { readonly from?: number; readonly to?: number; readonly step?: number },
): readonly unknown[] {
  const length = list.length;
  const position = (index: number): number => Math.min(Math.max(index < 0 ? index + length : index, 0), length);
  const from = bounds.from ?? 0;
  // An index before the start selects nothing, while a slice from there begins at the start.
  if (bounds.to === from + 1 && from + length < 0) return [];
  const part = list.slice(position(from), bounds.to === undefined ? length : position(bounds.to));
  const step = bounds.step ?? 1;
  return step <= 1 ? part : part.filter((_, index) => index % step === 0);
}

type Filter = Extract<JsonPathStep, { readonly kind: 'filter' }>;

function passes(filter: Filter, evaluation: Evaluation, element: unknown): boolean {
  const left = operandValues(filter.left, evaluation, element);
  if (filter.op === undefined || filter.right === undefined) return left.length > 0;
  const right = operandValues(filter.right, evaluation, element);
  if (left.length !== 1 || right.length !== 1) return false;
  return compares(left[0], filter.op, right[0]);
}

function operandValues(operand: JsonPathOperand, evaluation: Evaluation, element: unknown): readonly unknown[] {
  return operand.kind === 'literal' ? [operand.value] : readSteps(operand.path, evaluation, element);
}

function compares(left: unknown, op: NonNullable<Filter['op']>, right: unknown): boolean {
  if (op === '==') return left === right;
  if (op === '!=') return left !== right;
  if (typeof left === 'number' && typeof right === 'number') return isOrdered(left, op, right);
  return typeof left === 'string' && typeof right === 'string' && isOrdered(left, op, right);
}

function isOrdered<T extends number | string>(left: T, op: '<' | '<=' | '>' | '>=', right: T): boolean {
  switch (op) {
    case '<':
      return left < right;
    case '<=':
      return left <= right;
    case '>':
      return left > right;
    case '>=':
      return left >= right;
  }
}
