import { calledName, childrenOf, comprehensionOf, type CelNode } from './ast.ts';
import { callCost } from './call-costs.ts';
import { REPLACEMENT_PREFIX } from './environment.ts';
import { SCALAR, eitherOf, type Shape } from './shape.ts';

/** Most that one rule, and all rules of one schema, may be estimated to cost (Kubernetes, CRD validation). */
export const RULE_COST_LIMIT = 10_000_000;
export const SCHEMA_COST_LIMIT = 100_000_000;

interface Estimated {
  readonly cost: number;
  readonly shape: Shape;
}

type Variables = ReadonlyMap<string, Shape>;

const FREE: Estimated = { cost: 0, shape: SCALAR };
const LIST_COST = 10;
const MAP_COST = 30;

/**
 * The most that evaluating an expression once can cost, in the units of cel-go's cost model: one for an access or a call, a tenth for a
 * character that is read, times the most rounds of every loop. Bounds come from maxItems, maxProperties and maxLength, else from the largest request.
 */
export function estimateCost(ast: CelNode, variables: Variables): number {
  return estimate(ast, variables).cost;
}

/** The words of the refusal, with the factor by which a limit is exceeded; undefined when it is kept. */
export function excess(cost: number, limit: number): string | undefined {
  if (cost <= limit) return undefined;
  const factor = cost / limit;
  return factor > 100 ? 'more than 100x' : `${factor.toFixed(1)}x`;
}

function estimate(node: CelNode, variables: Variables): Estimated {
  const loop = loopCost(node, variables);
  if (loop !== undefined) return loop;
  switch (node.op) {
    case 'value':
      return { cost: 0, shape: { max: typeof node.args === 'string' ? node.args.length : 1 } };
    case 'id':
      return { cost: 1, shape: variables.get(String(node.args)) ?? SCALAR };
    case '.':
    case '.?':
      return accessCost(node, variables);
    case 'call':
    case 'rcall':
      return functionCost(node, variables);
    default:
      return operatorCost(node, variables);
  }
}

function accessCost(node: CelNode, variables: Variables): Estimated {
  const [base, name] = node.args as readonly [CelNode, string];
  const { cost, shape } = estimate(base, variables);
  return { cost: cost + 1, shape: shape.field?.(unescape(name)) ?? shape.element?.() ?? SCALAR };
}

/** Shapes know properties by their own names. */
function unescape(name: string): string {
  return name
    .replaceAll('__dot__', '.')
    .replaceAll('__dash__', '-')
    .replaceAll('__slash__', '/')
    .replaceAll('__underscores__', '__')
    .replace(/^__([a-z]+)__$/, '$1');
}

function functionCost(node: CelNode, variables: Variables): Estimated {
  const name = (calledName(node) ?? '').replace(REPLACEMENT_PREFIX, '');
  if (name === 'has') return { cost: 1 + sumOf(childrenOf(node), variables), shape: SCALAR };
  const args = childrenOf(node).map((child) => estimate(child, variables));
  const { cost, shape } = callCost(
    name,
    args.map((one) => one.shape),
  );
  return { cost: cost + args.reduce((sum, one) => sum + one.cost, 0), shape };
}

function sumOf(nodes: readonly CelNode[], variables: Variables): number {
  return nodes.reduce((sum, node) => sum + estimate(node, variables).cost, 0);
}

type Combine = (parts: readonly Estimated[]) => Estimated;

const part = (parts: readonly Estimated[], index: number): Estimated => parts[index] ?? FREE;

const access: Combine = (parts) => {
  const { shape } = part(parts, 0);
  return { cost: 1, shape: shape.element?.() ?? shape.field?.('') ?? SCALAR };
};
const equality: Combine = (parts) => ({
  cost: 1 + Math.min(sizeOf(part(parts, 0).shape), sizeOf(part(parts, 1).shape)),
  shape: SCALAR,
});
const order: Combine = (parts) => ({
  cost: 1 + Math.min(part(parts, 0).shape.max, part(parts, 1).shape.max) * 0.1,
  shape: SCALAR,
});

/** What operators cost beside their operands. A ternary is counted with both branches. */
const OPERATORS: Readonly<Record<string, Combine>> = {
  '[]': access,
  '[?]': access,
  '==': equality,
  '!=': equality,
  '<': order,
  '<=': order,
  '>': order,
  '>=': order,
  '?:': (parts) => ({ cost: 0, shape: eitherOf(part(parts, 1).shape, part(parts, 2).shape) }),
  in: (parts) => {
    const { keyMax, max } = part(parts, 1).shape;
    return { cost: 1 + (keyMax === undefined ? max : 0), shape: SCALAR };
  },
  '+': (parts) => {
    const shape = joined(part(parts, 0), part(parts, 1));
    return { cost: 1 + shape.max * (shape.element === undefined ? 0.1 : 1), shape };
  },
  list: (parts) => ({ cost: LIST_COST, shape: listShape(parts) }),
  map: (parts) => ({
    cost: MAP_COST,
    shape: { ...listShape(parts), keyMax: Math.max(1, ...parts.map(({ shape }) => shape.max)) },
  }),
};

function operatorCost(node: CelNode, variables: Variables): Estimated {
  const parts = childrenOf(node).map((child) => estimate(child, variables));
  const below = parts.reduce((sum, { cost }) => sum + cost, 0);
  const own = OPERATORS[node.op]?.(parts) ?? { cost: 1, shape: SCALAR };
  return { cost: below + own.cost, shape: own.shape };
}

function joined(left: Estimated, right: Estimated): Shape {
  return { ...eitherOf(left.shape, right.shape), max: left.shape.max + right.shape.max };
}

function listShape(parts: readonly Estimated[]): Shape {
  return { max: parts.length, element: () => parts.map(({ shape }) => shape).reduce(eitherOf, SCALAR) };
}

/** The effort of comparing a value with another one. */
function sizeOf(shape: Shape): number {
  const element = shape.element?.();
  return element === undefined ? shape.max * 0.1 : shape.max * Math.max(1, sizeOf(element));
}

function loopCost(node: CelNode, variables: Variables): Estimated | undefined {
  const loop = comprehensionOf(node);
  if (loop === undefined) return undefined;
  const [name, , args] = node.args as readonly [string, CelNode, readonly CelNode[]];
  const range = estimate(loop.iterable, variables);
  const rounds = range.shape.max;
  const item = range.shape.keyMax === undefined ? (range.shape.element?.() ?? SCALAR) : { max: range.shape.keyMax };
  const inner = new Map(variables).set(loop.iterVarName, item);
  const bodies = args.slice(1).map((body) => estimate(body, inner));
  const cost = range.cost + LIST_COST + rounds * (1 + bodies.reduce((sum, body) => sum + body.cost, 0));
  if (name === 'filter') return { cost, shape: { max: rounds, element: () => item } };
  if (name !== 'map') return { cost, shape: SCALAR };
  return { cost, shape: { max: rounds, element: () => bodies.at(-1)?.shape ?? SCALAR } };
}
