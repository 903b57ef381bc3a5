import { isAlias, isMap, isNode, isScalar, isSeq, type Alias, type Node, type Pair, type YAMLMap } from 'yaml';
import { YamlRefusal, type YamlDocument } from './yaml-documents.ts';

/** Each is looked for among all anchors of the document. */
const maxAliases = 1_000;
/** What aliases and merges stand for, nodes of nodes included: a document of a few lines must not grow into gigabytes. */
const maxRepeatedNodes = 10_000;
/** A text counts as one node more for each so many characters. */
const charactersOfNode = 64;
/** Most duplicates that are told of one document; more say nothing new. */
const maxDuplicates = 100;

/** The longest that Kubernetes has, of annotations, is 317. */
const maxShownKey = 320;

/** A key that stands once more in its mapping. */
export interface DuplicateKey {
  /** `spec.ports[0].name`. */
  readonly path: string;
  readonly key: string;
  /** Where it begins in the text. */
  readonly offset: number;
}

/**
 * Looks once at all nodes of a document. Merging twice is no duplicate.
 * Throws YamlRefusal for what costs more than its length once it becomes a value: keys that are no scalars, aliases without end or number.
 */
export function checkYaml(yaml: YamlDocument): readonly DuplicateKey[] {
  const check = new Check(yaml.lineAt);
  check.sizeOf(yaml.document.contents, '');
  return check.duplicates;
}

/** The value of a document without errors that was checked. Throws YamlRefusal for merges of what is no mapping. */
export function valueOf({ document, lineAt }: YamlDocument): unknown {
  try {
    // The package counts aliases for each anchor alone.
    return document.toJS({ maxAliasCount: -1 });
  } catch (err) {
    throw new YamlRefusal(err instanceof Error ? err.message : 'unreadable', lineAt(document.range[0]));
  }
}

class Check {
  readonly duplicates: DuplicateKey[] = [];
  readonly #lineAt: (offset: number) => number;
  readonly #anchors = new Map<string, Node>();
  /** Of nodes with an anchor; none while the node is being looked at. */
  readonly #sizes = new Map<Node, number>();
  #aliases = 0;
  #repeated = 0;

  constructor(lineAt: (offset: number) => number) {
    this.#lineAt = lineAt;
  }

  /** What a node and its aliases stand for, in nodes. */
  sizeOf(node: unknown, path: string): number {
    if (!isNode(node)) return 0;
    if (isAlias(node)) return this.#sizeOfAlias(node);
    if (node.anchor !== undefined) this.#anchors.set(node.anchor, node);
    const size = 1 + this.#sizeOfContent(node, path);
    if (node.anchor !== undefined) this.#sizes.set(node, size);
    return size;
  }

  #sizeOfContent(node: Node, path: string): number {
    if (isScalar(node)) return lengthOf(node) / charactersOfNode;
    if (isMap(node)) return this.#sizeOfMap(node, path);
    let size = 0;
    if (isSeq(node)) for (const [index, item] of node.items.entries()) size += this.sizeOf(item, `${path}[${index}]`);
    return size;
  }

  #sizeOfMap(map: YAMLMap, path: string): number {
    const seen = new Set<string>();
    let size = 0;
    for (const pair of map.items) {
      const sizeOfKey = this.sizeOf(pair.key, path);
      const key = this.#keyOf(pair);
      const at = path === '' ? shown(key) : `${path}.${shown(key)}`;
      const isMerge = key === '<<';
      if (seen.has(key) && !isMerge) this.#addDuplicate(pair, at, key);
      seen.add(key);
      const sizeOfValue = this.sizeOf(pair.value, at);
      if (isMerge) this.#repeat(sizeOfValue, pair.key);
      size += sizeOfKey + sizeOfValue;
    }
    return size;
  }

  /** The text of a key, as it is called in the value. */
  #keyOf({ key }: Pair): string {
    const node = isAlias(key) ? this.#anchors.get(key.source) : key;
    if (!isScalar(node)) throw this.#refusal('a list or mapping may not be a key', key);
    const value = node.value as string | number | bigint | boolean | symbol | null;
    if (typeof value === 'symbol') return '<<';
    return value === null ? '' : String(value);
  }

  #sizeOfAlias(alias: Alias): number {
    const target = this.#anchors.get(alias.source);
    if (target === undefined)
      throw this.#refusal(`the alias *${shown(alias.source)} stands for nothing before it`, alias);
    const size = this.#sizes.get(target);
    if (size === undefined)
      throw this.#refusal(`the alias *${shown(alias.source)} stands within what it stands for`, alias);
    this.#aliases += 1;
    if (this.#aliases > maxAliases) throw this.#refusal(`there are more than ${maxAliases} aliases`, alias);
    this.#repeat(size, alias);
    return size;
  }

  #repeat(nodes: number, by: unknown): void {
    this.#repeated += nodes;
    if (this.#repeated > maxRepeatedNodes)
      throw this.#refusal(`aliases and merges repeat more than ${maxRepeatedNodes} nodes`, by);
  }

  #addDuplicate({ key }: Pair, path: string, text: string): void {
    if (this.duplicates.length < maxDuplicates) this.duplicates.push({ path, key: shown(text), offset: offsetOf(key) });
  }

  #refusal(message: string, at: unknown): YamlRefusal {
    return new YamlRefusal(message, this.#lineAt(offsetOf(at)));
  }
}

function shown(key: string): string {
  return key.length > maxShownKey ? `${key.slice(0, maxShownKey)}…` : key;
}

function lengthOf({ range }: Node): number {
  return range ? range[1] - range[0] : 0;
}

function offsetOf(node: unknown): number {
  return isNode(node) ? (node.range?.[0] ?? 0) : 0;
}
