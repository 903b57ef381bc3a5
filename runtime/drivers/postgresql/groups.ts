import type { DatabaseGrant } from '#runtime/drivers/databases/model.ts';

/** The groups of a database: no login can have such a name, and no database another's. */
export const groupWords: Readonly<Record<DatabaseGrant, string>> = {
  Owner: 'owner',
  ReadWrite: 'readwrite',
  ReadOnly: 'readonly',
};

/** The role that has what a grant on a database lets do. */
export function groupOf(database: string, grant: DatabaseGrant): string {
  return `${database}:${groupWords[grant]}`;
}

/** All groups of a database, in order of name. */
export function groupsOf(database: string): readonly string[] {
  return Object.values(groupWords)
    .map((word) => `${database}:${word}`)
    .toSorted();
}
