import { RefusedError } from '#runtime/base/errors.ts';
import type { DatabaseGrant, GrantWord, Privilege } from '#runtime/drivers/databases/model.ts';

/** The groups of a database: no login can have such a name, and no database another's. Those of single rights are what a login has that has no more. */
const groupWords: Readonly<Record<GrantWord, string>> = {
  Owner: 'owner',
  ReadWrite: 'readwrite',
  ReadOnly: 'readonly',
};

const privilegeWords: Readonly<Partial<Record<Privilege, string>>> = {
  Delete: 'delete',
  Insert: 'insert',
  Select: groupWords.ReadOnly,
  Update: 'update',
};

/** With what names of roles begin whose members may come from a network. */
export const networkRole = 'from:';

/** With what the name of a copy ends that is made beside a database; no login can have such a name, and no Database. */
export const copyEnd = ':copy';

/** The role that has what one word lets do. */
export function groupOf(database: string, grant: GrantWord): string {
  return `${database}:${groupWords[grant]}`;
}

/** The role as which a session of a login acts; `undefined` for single rights, which it has as itself. */
export function actingGroupOf(database: string, grant: DatabaseGrant): string | undefined {
  return typeof grant === 'string' ? groupOf(database, grant) : undefined;
}

/** The roles that together have what a grant on a database lets do. RefusedError for a right that PostgreSQL does not have. */
export function groupsFor(database: string, grant: DatabaseGrant): readonly string[] {
  const words = typeof grant === 'string' ? [groupWords[grant]] : grant.map(wordOf);
  return words.map((word) => `${database}:${word}`);
}

function wordOf(privilege: Privilege): string {
  const word = privilegeWords[privilege];
  if (word === undefined)
    throw new RefusedError('PrivilegesUnfit', `PostgreSQL has no right ${privilege} on a database.`);
  return word;
}

/** All groups of a database, in order of name. */
export function groupsOf(database: string): readonly string[] {
  const words = new Set([...Object.values(groupWords), ...Object.values(privilegeWords)]);
  return [...words].map((word) => `${database}:${word}`).toSorted();
}
