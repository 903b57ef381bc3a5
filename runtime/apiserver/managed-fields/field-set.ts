/**
 * A set of fields, in the very shape of FieldsV1 (structured-merge-diff, "fieldpath"): a tree whose keys are path elements –
 * `f:<name>`, `k:{"key":value}`, `v:<scalar>`, `i:<index>` – and in which a node belongs to the set when it has the key `.` or no key at all.
 * An empty set is `undefined`; a root never has `.`. Sets are immutable and share parts; all operations return their first argument when nothing changes.
 */
export interface FieldSet {
  readonly [element: string]: FieldSet;
}

/** The mark of a node that is in the set itself beside its children. */
export const self = '.';

/** A node that is in the set and has no children. */
export const leaf: FieldSet = Object.freeze({});

/** Whether the node itself is in the set. */
export function isMember(node: FieldSet): boolean {
  if (node[self] !== undefined) return true;
  for (const _element in node) return false;
  return true;
}

/** Whether a node has children in the set. */
export function hasChildren(node: FieldSet): boolean {
  for (const element in node) if (element !== self) return true;
  return false;
}

/** Everything that is in one of the two. */
export function union(a: FieldSet | undefined, b: FieldSet | undefined): FieldSet | undefined {
  if (a === undefined || b === undefined || a === b) return a ?? b;
  return unionNodes(a, b);
}

/** Everything that is in any of them. Halves are united with halves, so that no large set is copied once for each of many small ones. */
export function unionAll(sets: readonly (FieldSet | undefined)[]): FieldSet | undefined {
  if (sets.length <= 2) return union(sets[0], sets[1]);
  const half = Math.ceil(sets.length / 2);
  return union(unionAll(sets.slice(0, half)), unionAll(sets.slice(half)));
}

function unionNodes(a: FieldSet, b: FieldSet): FieldSet {
  const below = unionBelow(a, b);
  const wasMember = isMember(a);
  const staysSo = wasMember || !isMember(b);
  // A leaf that gets children needs the mark, too.
  if (staysSo && (below === a || !wasMember || below[self] !== undefined)) return below;
  return { ...below, [self]: leaf };
}

/** The node with all children of both; the node itself is not looked at. */
function unionBelow(a: FieldSet, b: FieldSet): FieldSet {
  let merged: Record<string, FieldSet> | undefined;
  for (const element in b) {
    const theirs = b[element];
    if (element === self || theirs === undefined) continue;
    const ours = a[element];
    const both = ours === undefined ? theirs : unionNodes(ours, theirs);
    if (both !== ours) (merged ??= { ...a })[element] = both;
  }
  return merged ?? a;
}

/** What is in `a` and not in `b`; a node of `b` takes itself away, not what lies below it. */
export function subtract(a: FieldSet | undefined, b: FieldSet | undefined): FieldSet | undefined {
  if (a === undefined || b === undefined) return a;
  const below = subtractBelow(a, b, subtract);
  const wasMember = isMember(a);
  const staysMember = wasMember && !isMember(b);
  if (below === a && staysMember === wasMember) return a;
  if (!hasChildren(below)) return staysMember ? leaf : undefined;
  if (staysMember || below[self] === undefined) return below;
  const { [self]: _self, ...children } = below;
  return children;
}

/** The node with its children diminished; the node itself is not looked at. */
function subtractBelow(a: FieldSet, b: FieldSet, diminish: typeof subtract): FieldSet {
  let left: Record<string, FieldSet> | undefined;
  // Many managers lose what one write touched: it is looked up, not walked through for each.
  for (const element in a) {
    const ours = a[element];
    const theirs = b[element];
    if (element === self || ours === undefined || theirs === undefined) continue;
    const rest = diminish(ours, theirs);
    if (rest === ours) continue;
    left ??= { ...a };
    if (rest === undefined) delete left[element];
    else left[element] = rest;
  }
  return left ?? a;
}

/** What is in `a` and neither in `b` nor below anything that is in `b`. */
export function subtractWhole(a: FieldSet | undefined, b: FieldSet | undefined): FieldSet | undefined {
  if (a === undefined || b === undefined) return a;
  if (isMember(b)) return undefined;
  const below = subtractBelow(a, b, subtractWhole);
  if (below === a || hasChildren(below)) return below;
  return isMember(a) ? leaf : undefined;
}

/** Whether both hold the same fields. */
export function isSameSet(a: FieldSet | undefined, b: FieldSet | undefined): boolean {
  if (a === b) return true;
  if (a === undefined || b === undefined || isMember(a) !== isMember(b)) return false;
  return hasSameBelow(a, b) && countBelow(a) === countBelow(b);
}

function hasSameBelow(a: FieldSet, b: FieldSet): boolean {
  for (const element in a) if (element !== self && !isSameSet(a[element], b[element])) return false;
  return true;
}

function countBelow(node: FieldSet): number {
  let count = 0;
  for (const element in node) if (element !== self) count += 1;
  return count;
}

/** The paths, as lists of elements, of what is in both sets, in the order of `a`. */
export function commonPaths(a: FieldSet | undefined, b: FieldSet | undefined): readonly (readonly string[])[] {
  const paths: (readonly string[])[] = [];
  if (a !== undefined && b !== undefined) collectCommon(a, b, { path: [], paths });
  return paths;
}

function collectCommon(
  a: FieldSet,
  b: FieldSet,
  into: { readonly path: readonly string[]; readonly paths: (readonly string[])[] },
): void {
  if (into.path.length > 0 && isMember(a) && isMember(b)) into.paths.push(into.path);
  for (const element in a) {
    const ours = a[element];
    const theirs = b[element];
    if (element === self || ours === undefined || theirs === undefined) continue;
    collectCommon(ours, theirs, { path: [...into.path, element], paths: into.paths });
  }
}

/** Whether a path is in the set. */
export function hasPath(set: FieldSet | undefined, path: readonly string[]): boolean {
  let node = set;
  for (const element of path) node = node?.[element];
  return node !== undefined && isMember(node);
}

/** The same set with its elements in the order in which Kubernetes writes them: `.`, fields by name, keys, values, indexes. */
export function sortSet(set: FieldSet): FieldSet {
  let sorted: Record<string, FieldSet> | undefined;
  if (!isSorted(set)) {
    sorted = {};
    for (const element of sortElements(Object.keys(set))) sorted[element] = set[element] ?? leaf;
  }
  for (const element in set) {
    const node = set[element] ?? leaf;
    const below = sortSet(node);
    if (below !== node) (sorted ??= { ...set })[element] = below;
  }
  return sorted ?? set;
}

function isSorted(set: FieldSet): boolean {
  let previous = self;
  for (const element in set) {
    if (element !== self && compareElements(previous, element) > 0) return false;
    if (element === self && previous !== self) return false;
    previous = element;
  }
  return true;
}

const indexMark = 0x69;
/** By the first character: `.`, `f`, `k`, `v` stand in this order among characters, too; `i` comes last. */
const ranks: Readonly<Record<string, number>> = { '.': 0, f: 1, k: 2, v: 3, i: 4 };

/** Without indexes the order is that of the texts, which the engine sorts without calling back. */
function sortElements(elements: string[]): string[] {
  return elements.some((element) => element.charCodeAt(0) === indexMark)
    ? elements.sort(compareElements)
    : elements.sort();
}

function compareElements(a: string, b: string): number {
  if (a.charCodeAt(0) !== b.charCodeAt(0)) return (ranks[a.charAt(0)] ?? 5) - (ranks[b.charAt(0)] ?? 5);
  if (a.charCodeAt(0) === indexMark) return Number(a.slice(2)) - Number(b.slice(2));
  return a < b ? -1 : 1;
}
