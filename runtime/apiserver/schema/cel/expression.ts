import type { Environment, ParseResult } from '@marcbachmann/cel-js';
import { calledName, childrenOf, comprehensionOf, renameCall, walk, type CelNode, type Evaluator } from './ast.ts';
import { REPLACED, REPLACEMENT_PREFIX } from './environment.ts';
import { charge, effortOf, meter } from './meter.ts';

/** An expression that was parsed, rewritten, checked and given its costs. */
export interface Expression {
  readonly ast: CelNode;
  /** The name of the type it gives. */
  readonly type: string;
  /** Spends at most `budget` units, see meter.ts. */
  evaluate(variables: Readonly<Record<string, unknown>>, budget: number): Evaluated;
}

export type Evaluated =
  | { readonly value: unknown; readonly spent: number }
  | { readonly error: string; readonly isOverBudget: boolean; readonly spent: number };

/** The expression, or what is wrong with it. */
export function compileExpression(environment: Environment, text: string): Expression | { readonly error: string } {
  let parsed: ParseResult;
  try {
    parsed = environment.parse(text);
  } catch (err) {
    return { error: errorText(err) };
  }
  const ast = parsed.ast as unknown as CelNode;
  const foreign = foreignCall(ast);
  if (foreign !== undefined) return { error: `undeclared reference to '${foreign}'` };
  walk(ast, rewrite);
  const checked = parsed.check();
  if (!checked.valid) return { error: errorText(checked.error) };
  addCosts(ast);
  walk(ast, tellFirstError);
  return { ast, type: checked.type ?? 'dyn', evaluate: (variables, budget) => evaluate(parsed, variables, budget) };
}

function evaluate(parsed: ParseResult, variables: Readonly<Record<string, unknown>>, budget: number): Evaluated {
  meter.left = budget;
  try {
    const value: unknown = parsed(variables);
    // An error inside of `||` or `exists` may be covered by another operand; running out of budget may not.
    if (meter.left < 0) return { error: 'actual cost limit exceeded', isOverBudget: true, spent: budget };
    return { value, spent: budget - meter.left };
  } catch (err) {
    return { error: errorText(err), isOverBudget: meter.left < 0, spent: budget - Math.max(meter.left, 0) };
  }
}

/** The words of an error without the excerpt of the source, and without the names that functions were given. */
function errorText(err: unknown): string {
  const summary =
    typeof err === 'object' && err !== null && 'summary' in err && typeof err.summary === 'string'
      ? err.summary
      : undefined;
  const text = (summary ?? (err instanceof Error ? err.message : String(err))).replaceAll(REPLACEMENT_PREFIX, '');
  return `${text[0]?.toLowerCase() ?? ''}${text.slice(1)}`;
}

/** Functions that the CEL library adds and Kubernetes does not have: a rule that uses one would be refused by every other server. */
const FOREIGN = new Set(['json', 'hex', 'base64', 'at']);

function foreignCall(ast: CelNode): string | undefined {
  let found: string | undefined;
  walk(ast, (node) => {
    const name = calledName(node);
    if (name !== undefined && FOREIGN.has(name)) found = name;
  });
  return found;
}

function rewrite(node: CelNode): void {
  const name = calledName(node);
  if (name === undefined) return;
  const { macro } = node.meta;
  if (macro === undefined && REPLACED.has(name)) renameCall(node, `${REPLACEMENT_PREFIX}${name}`);
  if (name === 'has' && macro !== undefined) checkArgument(macro);
}

/** The CEL library does not look whether the field that `has` asks for can be there at all; a misspelt one would never be. */
function checkArgument(macro: NonNullable<CelNode['meta']['macro']>): void {
  const original = macro.typeCheck;
  macro.typeCheck = (checker, own, context) => {
    for (const argument of own.args ?? []) checker.check(argument, context);
    return original(checker, own, context);
  };
}

/** Operators whose work grows with their operands; an access by name or index does not. */
const LOOKS_AT_ALL = new Set(['==', '!=', 'in', '+', '<', '<=', '>', '>=']);

function addCosts(root: CelNode): void {
  walk(root, (node) => {
    const loop = comprehensionOf(node);
    if (loop !== undefined) addLoopCost(loop.step, weightOf(node));
    const { handle } = node;
    if (handle === undefined) return;
    if (calledName(node) !== undefined) node.handle = chargedCall(handle);
    else if (LOOKS_AT_ALL.has(node.op)) node.handle = chargedOperator(handle);
  });
}

function weightOf(node: CelNode): number {
  let nodes = 0;
  for (const child of childrenOf(node).slice(1)) walk(child, () => (nodes += 1));
  return nodes;
}

function addLoopCost(step: CelNode, units: number): void {
  const original = step.meta.evaluate;
  step.setMeta('evaluate', (evaluator: unknown, node: CelNode, context: unknown) => {
    charge(units);
    return original(evaluator, node, context);
  });
}

/** Of two operands of which neither can be told, Kubernetes (cel-go) says what is wrong with the first, the CEL library with the second. */
function tellFirstError(node: CelNode): void {
  if (node.op !== '||' && node.op !== '&&') return;
  const [left, right] = node.args as readonly [CelNode, CelNode];
  const decides = node.op === '||';
  const original = node.meta.evaluate;
  node.setMeta('evaluate', (evaluator: Evaluator, own: CelNode, context: unknown) => {
    const first = evaluator.tryEval(left, context);
    if (first === decides) return decides;
    const second = evaluator.tryEval(right, context);
    if (second === decides) return decides;
    const unfit = [first, second].find((value) => typeof value !== 'boolean');
    if (unfit === undefined) return !decides;
    if (unfit instanceof Error) throw unfit;
    return original(evaluator, own, context);
  });
}

type Handle = NonNullable<CelNode['handle']>;

function chargedCall(handle: Handle): Handle {
  return (args, second, third) => {
    let units = 1;
    for (const argument of args as readonly unknown[]) units += effortOf(argument);
    charge(units);
    return handle(args, second, third);
  };
}

function chargedOperator(handle: Handle): Handle {
  return (left, right, third, fourth) => {
    charge(1 + effortOf(left) + effortOf(right));
    return handle(left, right, third, fourth);
  };
}
