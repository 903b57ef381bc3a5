import { badRequest } from '#runtime/apiserver/http/api-errors.ts';
import type { KubeObject } from '#schemas/meta/object.ts';

/** Reads the value of one selectable field; absent is the empty string. */
export type FieldReader = (object: KubeObject) => string;

export interface FieldRequirement {
  readonly field: string;
  readonly value: string;
  readonly equal: boolean;
}

/** What every kind offers. */
export const metadataFields: Readonly<Record<string, FieldReader>> = {
  'metadata.name': (object) => object.metadata.name,
  'metadata.namespace': (object) => object.metadata.namespace ?? '',
};

/** Reads a field selector (`a=b,c!=d`); a backslash escapes `,`, `=` and itself. 400 for what is none and for fields outside `supported`. */
export function parseFieldSelector(text: string, supported: (field: string) => boolean): readonly FieldRequirement[] {
  return splitUnescaped(text)
    .filter((term) => term !== '')
    .map((term) => parseTerm(term, text, supported));
}

export function matchesFields(
  requirements: readonly FieldRequirement[],
  readers: Readonly<Record<string, FieldReader>>,
  object: KubeObject,
): boolean {
  for (const { field, value, equal } of requirements) {
    if ((readers[field]?.(object) === value) !== equal) return false;
  }
  return true;
}

/**
 * The name that a selector demands (`metadata.name=X`), empty when it demands none; so that `resourceNames` of a role apply to such a list.
 * Taken apart just as `parseFieldSelector` does: a reading of its own could be led astray by escapes.
 */
export function selectedName(text: string): string {
  for (const term of splitUnescaped(text)) {
    const match = /^metadata\.name==?([^=!\\]+)$/u.exec(term);
    if (match !== null) return match[1] ?? '';
  }
  return '';
}

function parseTerm(term: string, text: string, supported: (field: string) => boolean): FieldRequirement {
  const match = /^((?:\\.|[^=!\\])*)(!=|==|=)(.*)$/u.exec(term);
  if (match === null) throw badRequest(`invalid selector: '${text}'; can't understand '${term}'`);
  const field = match[1] ?? '';
  if (!supported(field)) throw badRequest(`field label not supported: ${field}`);
  return { field, value: unescape(match[3] ?? '', text), equal: match[2] !== '!=' };
}

function unescape(value: string, text: string): string {
  if (/(?<!\\)(?:\\\\)*=/u.test(value)) throw badRequest(`invalid selector: '${text}'; unescaped '=' in a value`);
  return value.includes('\\') ? value.replaceAll(/\\(.)/gu, '$1') : value;
}

function splitUnescaped(text: string): readonly string[] {
  if (!text.includes('\\')) return text.split(',');
  const terms: string[] = [];
  let term = '';
  for (let at = 0; at < text.length; at += 1) {
    const character = text[at] ?? '';
    if (character === '\\') {
      term += character + (text[at + 1] ?? '');
      at += 1;
    } else if (character === ',') {
      terms.push(term);
      term = '';
    } else term += character;
  }
  return [...terms, term];
}
