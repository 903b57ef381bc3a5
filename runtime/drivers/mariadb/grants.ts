import type { DatabaseSettings, LoginSettings } from '#runtime/drivers/databases/model.ts';
import type { Mark } from './marks.ts';
import { privilegesOf } from './privileges.ts';
import { patternOf } from './statements.ts';

/** Privileges by pattern of a database. */
export type Grants = ReadonlyMap<string, readonly string[]>;

/** What a login is to have by now: nothing while it is locked, and on a database that is not (or no longer) there. */
export function wantedGrants(login: LoginSettings, databases: ReadonlyMap<string, Mark<DatabaseSettings>>): Grants {
  const wanted = Object.keys(login.grants).map(
    (name) => [patternOf(name), wantedOn(name, login, databases.get(name)?.settings)] as const,
  );
  return new Map(wanted.filter(([, privileges]) => privileges.length > 0));
}

/** The same for one database. */
export function wantedOn(
  database: string,
  { grants, isLocked }: LoginSettings,
  settings: DatabaseSettings | undefined,
): readonly string[] {
  const grant = grants[database];
  if (grant === undefined || settings === undefined || isLocked) return [];
  return privilegesOf(grant, settings.access);
}

/** What to give and to take for one pattern. */
export interface GrantChange {
  readonly pattern: string;
  readonly missing: readonly string[];
  readonly surplus: readonly string[];
  /** Nobody can have relied on what was there: there was nothing. */
  readonly isFirst: boolean;
}

/** What brings `found` to `wanted`; empty when they are the same. */
export function grantChanges(found: Grants, wanted: Grants): readonly GrantChange[] {
  return [...new Set([...found.keys(), ...wanted.keys()])].flatMap((pattern) => {
    const [has, gets] = [found.get(pattern) ?? [], wanted.get(pattern) ?? []];
    const missing = gets.filter((privilege) => !has.includes(privilege));
    const surplus = has.filter((privilege) => !gets.includes(privilege));
    return missing.length + surplus.length === 0 ? [] : [{ pattern, missing, surplus, isFirst: has.length === 0 }];
  });
}
