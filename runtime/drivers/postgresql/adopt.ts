import { PostponedError, RefusedError } from '#runtime/base/errors.ts';
import type { DatabaseSettings } from '#runtime/drivers/databases/model.ts';
import type { SeenDatabase } from './look.ts';
import type { Ask } from './session.ts';
import { sql } from './sql.ts';

/** What makes a database of others ours, once nobody is in it. */
export const adoption = new URL('./inside/adopt.sql', import.meta.url);

/** Those that every server has, and the one with our marks. */
const reserved: readonly string[] = ['postgres', 'template0', 'template1', 'wcp360'];

/** Whether it is there, and nobody's of ours. */
export function isOthers(found: SeenDatabase | undefined): boolean {
  return found !== undefined && found.owner === null && found.facts !== null;
}

/** Whether all in it has become its owners'. */
export async function isAdopted(ask: Ask): Promise<boolean> {
  const [there] = await ask(sql`SELECT to_regclass('wcp360.adopted') IS NOT NULL AS "isSo"`);
  return there?.['isSo'] === true;
}

/**
 * PostponedError `AdoptUnfit` for one of others that reaches beyond itself, would lose something, or has what is taken for ours; RefusedError for the server's own.
 * Changes nothing.
 */
export async function checkAdopted(
  ask: Ask,
  { name, settings }: { readonly name: string; readonly settings: DatabaseSettings },
): Promise<void> {
  if (reserved.includes(name)) throw new RefusedError('AdoptUnfit', `Database ${name} is the server's own.`);
  const [found] =
    await ask(sql`SELECT ${reachesBeyond} AS "reachesBeyond", to_regnamespace('wcp360') IS NOT NULL AS "isPrepared",
    ARRAY(SELECT extname::text FROM pg_extension WHERE extname <> 'plpgsql' ORDER BY 1) AS extensions`);
  // What is in there would be run by the administrator.
  if (found?.['isPrepared'] !== false)
    throw new PostponedError('AdoptUnfit', `Database ${name} has a schema wcp360, which has to be ours: take it away.`);
  if (found['reachesBeyond'] !== false)
    throw new PostponedError(
      'AdoptUnfit',
      `Database ${name} has what reaches beyond it: event triggers, foreign servers, publications, subscriptions, or functions in languages that are not trusted.`,
    );
  const extensions = found['extensions'] as readonly string[];
  const missing = extensions.filter((extension) => !settings.extensions.includes(extension));
  if (missing.length > 0)
    throw new PostponedError(
      'AdoptUnfit',
      `Database ${name} has extensions that are not declared: ${missing.join(', ')}.`,
    );
}

/** Those of extensions are known. */
const reachesBeyond = sql`(EXISTS (SELECT FROM pg_event_trigger) OR EXISTS (SELECT FROM pg_foreign_server) OR EXISTS (SELECT FROM pg_publication)
  OR EXISTS (SELECT FROM pg_subscription WHERE subdbid = (SELECT oid FROM pg_database WHERE datname = current_database()))
  OR EXISTS (SELECT FROM pg_proc p JOIN pg_language l ON l.oid = p.prolang WHERE p.oid >= 16384 AND NOT l.lanpltrusted
    AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e')))`;
