import { compilePattern } from '#runtime/validation/pattern.ts';
import type { CelFunctions } from './functions.ts';
import { fail } from './text.ts';

/** Most matches that `findAll` gives when no limit is asked for. */
const MAX_MATCHES = 100_000;

/** `matches`, `find`, `findAll`, all on RE2 and linear in the text. */
export const regexFunctions: CelFunctions = {
  'string.k8s_matches(string): bool': (text: string, pattern: string) => compilePattern(pattern).test(text),
  'k8s_matches(string, string): bool': (text: string, pattern: string) => compilePattern(pattern).test(text),
  'string.find(string): string': (text: string, pattern: string) => compilePattern(pattern).find(text) ?? '',
  'string.findAll(string): list<string>': (text: string, pattern: string) =>
    compilePattern(pattern).findAll(text, MAX_MATCHES),
  'string.findAll(string, int): list<string>': (text: string, pattern: string, limit: bigint) => {
    if (limit > BigInt(Number.MAX_SAFE_INTEGER)) fail('limit out of range');
    return compilePattern(pattern).findAll(text, limit < 0n ? MAX_MATCHES : Number(limit));
  },
};
