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

/** Reads a field selector (`a=b,c!=d`); a backslash escapes `,`, `=` and itself. 400 for what is none and for fields outside `supported`; `hasOwn`: whether the kind has fields beside its metadata. */
export function parseFieldSelector(
  text: string,
  { supported, hasOwn = true }: { readonly supported: (field: string) => boolean; readonly hasOwn?: boolean },
): readonly FieldRequirement[] {
  const requirements = splitUnescaped(text)
    .filter((term) => term !== '')
    .toSorted()
    .map((term) => parseTerm(term, text))
    .filter(({ field, value }) => field !== '' || value !== '');
  const unknown = requirements.find(({ field }) => !supported(field));
  if (unknown === undefined) return requirements;
  const { field } = unknown;
  throw badRequest(
    hasOwn
      ? `field label not supported: ${field}`
      : `${JSON.stringify(field)} is not a known field selector: only "metadata.name", "metadata.namespace"`,
  );
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

function parseTerm(term: string, text: string): FieldRequirement {
  const [, field = '', operator, value = ''] = /^([^=!]*|[^=]*?)(!=|==|=)(.*)$/u.exec(term) ?? [];
  if (operator === undefined) throw badRequest(`invalid selector: '${text}'; can't understand '${term}'`);
  return { field, value: unescape(value), equal: operator !== '!=' };
}

/** A backslash stands before a comma, an equals sign or another backslash, and neither of the first two without one. */
function unescape(value: string): string {
  const [bad] = /\\(?![\\,=]).?/su.exec(value.replaceAll(/\\[\\,=]/gu, '')) ?? [];
  if (bad !== undefined) throw badRequest(`invalid field selector: invalid escape sequence: ${bad}`);
  const [bare] = /[,=]/u.exec(value.replaceAll(/\\./gsu, '')) ?? [];
  if (bare !== undefined)
    throw badRequest(`invalid field selector: unescaped character in value: ${String(bare.codePointAt(0))}`);
  return value.replaceAll(/\\(.)/gsu, '$1');
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
