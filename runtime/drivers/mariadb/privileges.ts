import type { DatabaseAccess, DatabaseGrant, GrantWord, Privilege } from '#runtime/drivers/databases/model.ts';

/** As GRANT says it → the column of `mysql.db` that holds it. */
export const privilegeColumns: Readonly<Record<string, string>> = {
  SELECT: 'Select_priv',
  INSERT: 'Insert_priv',
  UPDATE: 'Update_priv',
  DELETE: 'Delete_priv',
  CREATE: 'Create_priv',
  DROP: 'Drop_priv',
  'GRANT OPTION': 'Grant_priv',
  REFERENCES: 'References_priv',
  INDEX: 'Index_priv',
  ALTER: 'Alter_priv',
  'CREATE TEMPORARY TABLES': 'Create_tmp_table_priv',
  'LOCK TABLES': 'Lock_tables_priv',
  'CREATE VIEW': 'Create_view_priv',
  'SHOW VIEW': 'Show_view_priv',
  'CREATE ROUTINE': 'Create_routine_priv',
  'ALTER ROUTINE': 'Alter_routine_priv',
  EXECUTE: 'Execute_priv',
  EVENT: 'Event_priv',
  TRIGGER: 'Trigger_priv',
  'DELETE HISTORY': 'Delete_history_priv',
};

const readOnly = ['SELECT', 'SHOW VIEW'];
const readWrite = [...readOnly, 'INSERT', 'UPDATE', 'DELETE', 'EXECUTE', 'LOCK TABLES', 'CREATE TEMPORARY TABLES'];

/** Never GRANT OPTION; never EVENT, since events run without a session that could be counted or ended, and the scheduler is off. */
const granted: Readonly<Record<GrantWord, readonly string[]>> = {
  ReadOnly: readOnly,
  ReadWrite: readWrite,
  Owner: [
    ...readWrite,
    'CREATE',
    'DROP',
    'ALTER',
    'INDEX',
    'REFERENCES',
    'CREATE VIEW',
    'CREATE ROUTINE',
    'ALTER ROUTINE',
    'TRIGGER',
    'DELETE HISTORY',
  ],
};

/** What whoever makes all of a database needs. */
export const ownersPrivileges = granted.Owner;

/** Single rights as GRANT says them. */
const single: Readonly<Record<Privilege, string>> = {
  Delete: 'DELETE',
  Execute: 'EXECUTE',
  Insert: 'INSERT',
  LockTables: 'LOCK TABLES',
  Select: 'SELECT',
  ShowView: 'SHOW VIEW',
  TemporaryTables: 'CREATE TEMPORARY TABLES',
  Update: 'UPDATE',
};

/** Of these none makes a database larger. A trigger and a routine are text of any length. */
const whenFull: ReadonlySet<string> = new Set([
  'SELECT',
  'SHOW VIEW',
  'DELETE',
  'DELETE HISTORY',
  'DROP',
  'EXECUTE',
  'LOCK TABLES',
]);

/**
 * What a login holds on a database. It holds it itself, not by a role: what it makes runs with its definer's rights, and those are without any role.
 * So `Full` reaches routines, views and triggers too, whoever calls them.
 *
 * | access | Owner              | ReadWrite          | ReadOnly |
 * | ------ | ------------------ | ------------------ | -------- |
 * | Open   | all of the above   | all of the above   | reads    |
 * | Full   | what makes no data | what makes no data | reads    |
 * | Closed | nothing            | nothing            | nothing  |
 * | Dumped | nothing            | nothing            | nothing  |
 */
export function privilegesOf(grant: DatabaseGrant, access: DatabaseAccess): readonly string[] {
  switch (access) {
    case 'Open':
      return grantedBy(grant);
    case 'Full':
      return grantedBy(grant).filter((privilege) => whenFull.has(privilege));
    case 'Closed':
    case 'Dumped':
      return [];
  }
}

function grantedBy(grant: DatabaseGrant): readonly string[] {
  return typeof grant === 'string' ? granted[grant] : grant.map((privilege) => single[privilege]);
}
