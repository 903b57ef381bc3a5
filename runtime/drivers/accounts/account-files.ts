import { RefusedError } from '#runtime/base/errors.ts';

/** One line of passwd(5) that is ours. */
export interface AccountRow {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
  readonly home: string;
  readonly owner: string;
}

/** The texts of the three files. */
export interface AccountFiles {
  readonly passwd: string;
  readonly group: string;
  readonly shadow: string;
}

const markPrefix = 'wcp360 ';

/** Our rows, in the file's order; lines of others are not ours to tell of. */
export function parseAccounts(passwd: string): readonly AccountRow[] {
  return passwd.split('\n').flatMap((line) => {
    const [name, , uid, gid, comment, home] = line.split(':');
    if (name === undefined || home === undefined || comment?.startsWith(markPrefix) !== true) return [];
    return [{ name, uid: Number(uid), gid: Number(gid), home, owner: comment.slice(markPrefix.length) }];
  });
}

/**
 * The files with this row instead of any of ours with its name. Others' lines stay as they are.
 * RefusedError when a field would not stay one field, or when somebody else's account has the name.
 */
export function withAccount(files: AccountFiles, row: AccountRow): AccountFiles {
  checkRow(row);
  const isForeign = files.passwd.split('\n').some((line) => line.startsWith(`${row.name}:`) && !isOurs(line));
  if (isForeign) throw new RefusedError('AccountTaken', `This host has an account "${row.name}" of its own.`);
  // Lines in group and shadow may be there without one in passwd: what a crash left.
  const bare = allWithout(files, row.name);
  return {
    passwd: append(bare.passwd, [
      row.name,
      'x',
      row.uid,
      row.gid,
      `${markPrefix}${row.owner}`,
      row.home,
      '/usr/sbin/nologin',
    ]),
    group: append(bare.group, [row.name, 'x', row.gid, '']),
    // Neither a password nor a date by which one has to be changed.
    shadow: append(bare.shadow, [row.name, '*', '', '', '', '', '', '', '']),
  };
}

/** The files without our row of this name. */
export function withoutAccount(files: AccountFiles, name: string): AccountFiles {
  const isOwn = files.passwd.split('\n').some((line) => line.startsWith(`${name}:`) && isOurs(line));
  if (!isOwn) return files;
  return allWithout(files, name);
}

function allWithout(files: AccountFiles, name: string): AccountFiles {
  return {
    passwd: without(files.passwd, name),
    group: without(files.group, name),
    shadow: without(files.shadow, name),
  };
}

function isOurs(line: string): boolean {
  return line.split(':')[4]?.startsWith(markPrefix) === true;
}

function without(text: string, name: string): string {
  return text
    .split('\n')
    .filter((line) => !line.startsWith(`${name}:`))
    .join('\n');
}

function append(text: string, fields: readonly (string | number)[]): string {
  const start = text === '' || text.endsWith('\n') ? text : `${text}\n`;
  return `${start}${fields.join(':')}\n`;
}

function checkRow(row: AccountRow): void {
  const isName = /^[a-z_][a-z0-9_-]{0,31}$/.test(row.name);
  const isPlain = [row.home, row.owner].every((field) => /^[A-Za-z0-9_./@-]+$/.test(field));
  const isNumber = [row.uid, row.gid].every((id) => Number.isInteger(id) && id >= 1000 && id < 2 ** 31);
  if (isName && isPlain && isNumber) return;
  throw new RefusedError('AccountInvalid', `"${row.name.slice(0, 40)}" cannot be the name of an account on this host.`);
}
