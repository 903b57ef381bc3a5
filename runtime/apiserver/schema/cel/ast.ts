/**
 * A node of the CEL library's syntax tree, as far as we look into it: names of functions are replaced before checking, and costs are added
 * after it. The library exports the tree but not these parts, so its version is pinned and test/runtime/apiserver/schema.test.ts watches over them.
 */
export interface CelNode {
  readonly op: string;
  readonly args: unknown;
  readonly input: string;
  readonly start: number;
  readonly end: number;
  readonly checkedType?: { readonly name: string };
  /** How operators and calls work out their value; set by checking. */
  handle?: (...args: readonly unknown[]) => unknown;
  readonly meta: {
    /** What a macro such as `all` stands for. */
    readonly alternate?: CelNode;
    readonly macro?: CelMacro;
    readonly evaluate: Evaluate;
  };
  setMeta(key: string, value: unknown): CelNode;
}

export type Evaluate = (evaluator: unknown, node: CelNode, context: unknown) => unknown;

/** What works values out. */
export interface Evaluator {
  /** The value of a node, or the Error that it ended with. */
  tryEval(node: CelNode, context: unknown): unknown;
}

/** A macro that checks and evaluates itself (`has`, `cel.bind`). */
export interface CelMacro {
  readonly args?: readonly CelNode[];
  typeCheck: (checker: Checker, macro: CelMacro, context: unknown) => unknown;
}

export interface Checker {
  check(node: CelNode, context: unknown): unknown;
}

/** A loop over a list or map. */
export interface Comprehension {
  readonly iterable: CelNode;
  readonly iterVarName: string;
  readonly step: CelNode;
}

/** The parts of a node as they were written, arguments of macros included. */
export function childrenOf(node: CelNode): readonly CelNode[] {
  switch (node.op) {
    case 'value':
    case 'id':
      return [];
    case '.':
    case '.?':
      return [(node.args as readonly [CelNode, string])[0]];
    case '!_':
    case '-_':
      return [node.args as CelNode];
    case 'call':
      return (node.args as readonly [string, readonly CelNode[]])[1];
    case 'rcall': {
      const [, receiver, args] = node.args as readonly [string, CelNode, readonly CelNode[]];
      return [receiver, ...args];
    }
    case 'map':
      return (node.args as readonly (readonly [CelNode, CelNode])[]).flat();
    default:
      return node.args as readonly CelNode[];
  }
}

/** The loop that a macro stands for, if it is one. */
export function comprehensionOf(node: CelNode): Comprehension | undefined {
  const alternate = node.meta.alternate;
  return alternate?.op === 'comprehension' ? (alternate.args as Comprehension) : undefined;
}

/** The name of a function call; undefined for anything else. */
export function calledName(node: CelNode): string | undefined {
  return node.op === 'call' || node.op === 'rcall' ? (node.args as readonly [string])[0] : undefined;
}

/** Gives a call another name. */
export function renameCall(node: CelNode, name: string): void {
  (node.args as [string])[0] = name;
}

/** Calls `visit` for a node and everything below it. */
export function walk(node: CelNode, visit: (node: CelNode) => void): void {
  visit(node);
  for (const child of childrenOf(node)) walk(child, visit);
}

/** Whether a variable occurs. */
export function mentions(root: CelNode, variable: string): boolean {
  let found = false;
  walk(root, (node) => {
    found ||= node.op === 'id' && node.args === variable;
  });
  return found;
}
