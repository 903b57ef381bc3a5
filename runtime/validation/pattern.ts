import { RE2JS } from 're2js';
import { InvalidError } from '#runtime/base/errors.ts';

/** A compiled RE2 expression. */
export interface Pattern {
  readonly source: string;
  /** Whether the pattern is found anywhere in the text, in time linear in its length. */
  readonly test: (text: string) => boolean;
  /** The first occurrence, or undefined. */
  readonly find: (text: string) => string | undefined;
  /** All occurrences that do not overlap, in order; at most `limit`. */
  readonly findAll: (text: string, limit: number) => readonly string[];
}

/** How many compiled patterns are kept; the oldest goes first. */
const MAX_CACHED = 2_000;

const cache = new Map<string, Pattern>();

/**
 * Patterns of CRDs, CEL rules and configuration: RE2 syntax (github.com/google/re2/wiki/Syntax) and linear time, because a pattern may
 * come from a tenant and JavaScript's own engine can be made to run for minutes. Cached by text. InvalidError when it is no RE2 expression.
 */
export function compilePattern(source: string): Pattern {
  const known = cache.get(source);
  if (known !== undefined) return known;
  const oldest = cache.size < MAX_CACHED ? undefined : cache.keys().next().value;
  if (oldest !== undefined) cache.delete(oldest);
  const pattern = build(source);
  cache.set(source, pattern);
  return pattern;
}

/** What is wrong with the text as a pattern; undefined when nothing is. */
export function patternFault(source: string): string | undefined {
  try {
    compilePattern(source);
    return undefined;
  } catch (err) {
    if (err instanceof InvalidError) return err.message;
    throw err;
  }
}

function build(source: string): Pattern {
  const compiled = compileRe2(source);
  return {
    source,
    test: (text) => compiled.test(text),
    find: (text) => {
      const matcher = compiled.matcher(text);
      return matcher.find() ? (matcher.group() ?? undefined) : undefined;
    },
    findAll: (text, limit) => {
      const matcher = compiled.matcher(text);
      const found: string[] = [];
      while (found.length < limit && matcher.find()) found.push(matcher.group() ?? '');
      return found;
    },
  };
}

function compileRe2(source: string): RE2JS {
  try {
    return RE2JS.compile(source);
  } catch (err) {
    throw new InvalidError(err instanceof Error ? err.message : String(err), [], { cause: err });
  }
}
