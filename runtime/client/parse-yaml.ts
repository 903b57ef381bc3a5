import { parse } from 'yaml';

/** Apart, so that what reads no YAML does not load the parser; a bundler keeps the names of a CommonJS package only behind a static import. */
export function parseYaml(text: string): unknown {
  return parse(text) as unknown;
}
