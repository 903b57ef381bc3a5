import { escapeIdentifier, escapeLiteral } from 'pg';
import { RefusedError } from '#runtime/base/errors.ts';

declare const quoted: unique symbol;

/** Text that this file made: whatever came from outside is a quoted name or a quoted literal in it. The only thing that a session takes. */
export type Sql = string & { readonly [quoted]: true };

/** PostgreSQL cuts longer names, so that two would become one. */
const longestNameBytes = 63;

/** A statement, or a part of one, with quoted parts put in. */
export function sql(parts: TemplateStringsArray, ...values: readonly (Sql | number)[]): Sql {
  return parts.reduce((text, part, index) => `${text}${String(values[index - 1])}${part}`) as Sql;
}

/** The name of a thing. RefusedError for one that the server would change or cannot have. */
export function name(word: string): Sql {
  const bytes = Buffer.byteLength(word);
  if (bytes === 0 || bytes > longestNameBytes || !isText(word))
    throw new RefusedError('NameRefused', `PostgreSQL cannot have the name ${JSON.stringify(word)}.`);
  return escapeIdentifier(word) as Sql;
}

/** A value. RefusedError for text that the server cannot have. */
export function literal(value: string): Sql {
  if (!isText(value))
    throw new RefusedError('ValueRefused', 'PostgreSQL has no text with a zero byte or half a character in it.');
  return escapeLiteral(value) as Sql;
}

/** Parts with commas between them. */
export function list(parts: readonly Sql[]): Sql {
  return parts.join(', ') as Sql;
}

/** Statements that are sent as one message, which the server carries out as a whole or not at all. */
export function together(statements: readonly Sql[]): Sql {
  return statements.join(';\n') as Sql;
}

/** SQL that ships with this program. */
export function shipped(text: string): Sql {
  return text as Sql;
}

function isText(value: string): boolean {
  return value.isWellFormed() && !value.includes('\0');
}
