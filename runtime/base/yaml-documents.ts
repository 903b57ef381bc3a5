import { Composer, Lexer, LineCounter, Parser, type CST, type Document, type Tags } from 'yaml';

/**
 * Documents of YAML text that anybody may have written. What they cost is bounded by what is looked at while the text is taken apart, since composing one
 * document cannot be stopped.
 */

/** Composing recurses, and has stack for some 800; the deepest definitions nest some sixty. */
const maxDepth = 500;

/**
 * YAML 1.1 types that sigs.k8s.io/yaml does not resolve: there `12:30` and `2001-01-01` stay text.
 * The names are those of the package `yaml`; sexagesimal numbers are told by their format.
 */
const unknownTags: ReadonlySet<string> = new Set([
  'tag:yaml.org,2002:timestamp',
  'tag:yaml.org,2002:binary',
  'tag:yaml.org,2002:omap',
  'tag:yaml.org,2002:pairs',
  'tag:yaml.org,2002:set',
]);

export interface YamlOptions {
  /** Spaces, marks, words and line ends of one document: about 3 bytes each in manifests, 7 in definitions with long descriptions; some 3 µs each. */
  readonly maxTokens: number;
  /** Integers of any size keep their value (default: they become numbers). */
  readonly intAsBigInt?: boolean;
}

export interface YamlDocument {
  /** Keys that stand twice are no error of it; they, aliases and merges are the business of check-yaml.ts. */
  readonly document: Document.Parsed;
  /** Line of an offset, from 1. */
  readonly lineAt: (offset: number) => number;
}

/** YAML that nobody means, or that costs too much to read; the message is for whoever wrote it. */
export class YamlRefusal extends Error {
  override readonly name = 'YamlRefusal';
  readonly line: number;
  /** Whether it is only too much. */
  readonly isTooLarge: boolean;
  constructor(message: string, line: number, isTooLarge = false) {
    super(message);
    this.line = line;
    this.isTooLarge = isTooLarge;
  }
}

/** The documents of a text as YAML 1.1 with merges, each when it is asked for. Throws YamlRefusal at a document that is too large or nests too deep. */
export function* yamlDocuments(text: string, { maxTokens, intAsBigInt = false }: YamlOptions): Generator<YamlDocument> {
  const lines = new LineCounter();
  const lineAt = (offset: number): number => lines.linePos(offset).line;
  const composer = new Composer({
    version: '1.1',
    merge: true,
    // The package compares each key with all before it, and quotes a line for each error.
    uniqueKeys: false,
    prettyErrors: false,
    intAsBigInt,
    logLevel: 'silent',
    customTags: (tags: Tags) => tags.filter((tag) => typeof tag === 'string' || !isUnknownTag(tag)),
  });
  const documents = composer.compose(boundedTokens(text, lines, maxTokens));
  for (;;) {
    const next = withoutStacks(() => documents.next());
    if (next.done === true) return;
    yield { document: next.value, lineAt };
  }
}

/** A text may have a fault in each character, and the package makes an Error of each, whose stack costs more than all else. */
function withoutStacks<T>(act: () => T): T {
  const { stackTraceLimit } = Error;
  Error.stackTraceLimit = 0;
  try {
    return act();
  } finally {
    Error.stackTraceLimit = stackTraceLimit;
  }
}

function* boundedTokens(text: string, lines: LineCounter, maxTokens: number): Generator<CST.Token> {
  const parser = new Parser(lines.addNewLine);
  lines.addNewLine(0);
  const refuse = (message: string, isTooLarge: boolean): YamlRefusal =>
    new YamlRefusal(message, lines.linePos(parser.offset).line, isTooLarge);
  let tokens = 0;
  for (const source of new Lexer().lex(text)) {
    tokens += 1;
    if (tokens > maxTokens) throw refuse(`the document has more than ${maxTokens} tokens`, true);
    if (parser.stack.length > maxDepth) throw refuse('exceeded max depth', false);
    for (const token of parser.next(source)) {
      if (token.type === 'document') tokens = 0;
      yield token;
    }
  }
  yield* parser.end();
}

function isUnknownTag(tag: { readonly tag: string; readonly format?: string }): boolean {
  return unknownTags.has(tag.tag) || tag.format === 'TIME';
}
