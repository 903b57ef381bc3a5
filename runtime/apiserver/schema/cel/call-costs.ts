import { SCALAR, eitherOf, type Shape } from './shape.ts';

/** What a call costs beside its arguments, and how big its result can be. The receiver of a method is the first argument. */
export interface CallCost {
  readonly cost: number;
  readonly shape: Shape;
}

/** Reading ten characters costs one unit, as in cel-go. */
const READ = 0.1;

type Estimate = (args: readonly Shape[]) => CallCost;

const text = (args: readonly Shape[], index: number): number => args[index]?.max ?? 1;
const listOf = (max: number, element: Shape): Shape => ({ max, element: () => element });

const readsFirst: Estimate = (args) => ({ cost: 1 + text(args, 0) * READ, shape: { max: text(args, 0) } });
const readsBoth: Estimate = (args) => ({ cost: 1 + text(args, 0) * READ * text(args, 1) * READ, shape: SCALAR });
const readsSecond: Estimate = (args) => ({ cost: 1 + text(args, 1) * READ, shape: SCALAR });
const looksAtAll: Estimate = (args) => ({ cost: 1 + text(args, 0), shape: args[0]?.element?.() ?? SCALAR });
const keepsList: Estimate = (args) => ({ cost: 1 + text(args, 0), shape: args[0] ?? SCALAR });
const comparesLists: Estimate = (args) => ({ cost: 1 + text(args, 1) * text(args, 2), shape: SCALAR });
const free: Estimate = () => ({ cost: 1, shape: SCALAR });

/** The pattern's program is about a quarter of its text, and each character of the text may visit all of it. */
const regex: Estimate = (args) => ({
  cost: 1 + (text(args, 0) + 1) * READ * Math.max(1, text(args, 1) * 0.25),
  shape: { max: text(args, 0) },
});

const ESTIMATES: Readonly<Record<string, Estimate>> = {
  size: free,
  type: free,
  dyn: (args) => ({ cost: 1, shape: args[0] ?? SCALAR }),
  startsWith: readsSecond,
  endsWith: readsSecond,
  contains: (args) => (args.length === 3 ? comparesLists(args) : readsBoth(args)),
  equivalent: comparesLists,
  intersects: comparesLists,
  matches: regex,
  find: regex,
  findAll: (args) => {
    const { cost } = regex(args);
    return { cost, shape: listOf(text(args, 0), { max: text(args, 0) }) };
  },
  indexOf: indexOf,
  lastIndexOf: indexOf,
  lowerAscii: readsFirst,
  upperAscii: readsFirst,
  trim: readsFirst,
  substring: readsFirst,
  charAt: (args) => ({ cost: 1 + text(args, 0) * READ, shape: SCALAR }),
  reverse: (args) => (args[0]?.element === undefined ? readsFirst(args) : keepsList(args)),
  replace: (args) => {
    const grown = text(args, 0) * Math.max(1, text(args, 2));
    return { cost: 1 + (text(args, 0) + grown) * READ, shape: { max: grown } };
  },
  split: (args) => ({ cost: 1 + text(args, 0) * READ, shape: listOf(text(args, 0), { max: text(args, 0) }) }),
  join: (args) => {
    const joined = text(args, 0) * ((args[0]?.element?.().max ?? 1) + (args.length > 1 ? text(args, 1) : 0));
    return { cost: 1 + joined * READ, shape: { max: joined } };
  },
  isSorted: looksAtAll,
  sum: looksAtAll,
  min: looksAtAll,
  max: looksAtAll,
  distinct: keepsList,
  sort: (args) => ({ cost: 1 + text(args, 0) * 20, shape: args[0] ?? SCALAR }),
  slice: keepsList,
  flatten: (args) => {
    const inner = args[0]?.element?.() ?? SCALAR;
    const flat = text(args, 0) * inner.max;
    return { cost: 1 + flat, shape: listOf(flat, eitherOf(inner, inner.element?.() ?? SCALAR)) };
  },
  orValue: unites,
  or: unites,
  value: unites,
  of: unites,
  ofNonZeroValue: unites,
  hasValue: free,
};

/** Functions that are not known here read all of their arguments and give at most as much back. */
const unknownCall: Estimate = (args) => {
  const total = args.reduce((sum, { max }) => sum + max, 0);
  return { cost: 1 + total * READ, shape: { max: total, element: () => ({ max: total }) } };
};

/** The cost of calling a function by its name as people write it. */
export function callCost(name: string, args: readonly Shape[]): CallCost {
  const estimate = Object.hasOwn(ESTIMATES, name) ? ESTIMATES[name] : undefined;
  return (estimate ?? unknownCall)(args);
}

function indexOf(args: readonly Shape[]): CallCost {
  const element = args[0]?.element?.();
  if (element === undefined) return readsBoth(args);
  return { cost: 1 + text(args, 0) * (1 + element.max * READ), shape: SCALAR };
}

function unites(args: readonly Shape[]): CallCost {
  return { cost: 1, shape: args.reduce(eitherOf, SCALAR) };
}
