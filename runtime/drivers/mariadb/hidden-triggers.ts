import type { ServerHost } from '#runtime/drivers/databases/server-host.ts';
import { readMarks } from './marks.ts';
import { withServer } from './server.ts';
import { hostsOf } from './places.ts';
import { patternOf } from './statements.ts';

/** Whether a database has triggers that a login may not see: its dump would be without them, and not say so. */
export async function hasHiddenTriggers(
  { database, username }: { readonly database: string; readonly username: string },
  host: ServerHost,
  signal: AbortSignal,
): Promise<boolean> {
  const [row] = await withServer(host, signal, async (server) => {
    const [login] = await readMarks(server, 'login', [username]);
    // What it may see is the same from wherever it comes.
    const [from = ''] = hostsOf(login?.settings?.origins);
    return await server.ask(hidden, [database, username, from, patternOf(database)]);
  });
  return Number(row?.['hidden']) > 0;
}

const hidden = `SELECT COUNT(*) AS hidden FROM information_schema.TRIGGERS WHERE TRIGGER_SCHEMA = ?
  AND NOT EXISTS (SELECT 1 FROM mysql.db WHERE User = ? AND Host = ? AND Db = ? AND Trigger_priv = 'Y')`;
