import { isRecord } from './json.ts';
import { parseJsonPath, type JsonPath } from './json-path-parse.ts';
import { readJsonPath } from './json-path-read.ts';

export { compileJsonPathTemplate } from './json-path-template.ts';

/**
 * kubectl's dialect of JSON path (kubernetes.io/docs/reference/kubectl/jsonpath): fields with `\.` escapes, quoted fields, indexes and
 * slices with negative numbers, `*`, `..`, unions and `[?(@.type=="Ready")]`. What is not there gives no value instead of an error.
 * Reads own fields only, so that `constructor` or `__proto__` name nothing that was not in the JSON.
 */
export type JsonPathReader = (value: unknown) => readonly unknown[];

/** A reader of everything that a path selects, in document order. InvalidError when the text is no path. */
export function compileJsonPath(text: string): JsonPathReader {
  const path = parseJsonPath(text);
  const names = plainNames(path);
  if (names !== undefined) return (value) => readPlain(value, names);
  return (value) => readJsonPath(path, value, value);
}

function plainNames(path: JsonPath): readonly string[] | undefined {
  const names = path.steps.map((step) => (step.kind === 'field' ? step.name : undefined));
  return names.every((name) => name !== undefined) ? names : undefined;
}

function readPlain(value: unknown, names: readonly string[]): readonly unknown[] {
  let current = value;
  for (const name of names) {
    if (!isRecord(current) || !Object.hasOwn(current, name)) return [];
    current = current[name];
  }
  return current === undefined ? [] : [current];
}
