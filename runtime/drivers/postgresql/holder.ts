import {
  requireHolder,
  type HolderHere,
  type JudgeHolder,
  type ServerHolder,
} from '#runtime/drivers/databases/server-host.ts';
import type { Ask } from './session.ts';
import { literal, sql, together } from './sql.ts';

/** Notes who has the server, unless somebody is noted. */
export async function noteHolder(ask: Ask, { installation, server }: ServerHolder): Promise<void> {
  await ask(
    together([
      sql`CREATE TABLE IF NOT EXISTS wcp360.holder (one boolean PRIMARY KEY DEFAULT true CHECK (one), installation text NOT NULL, server text NOT NULL)`,
      sql`INSERT INTO wcp360.holder (installation, server) VALUES (${literal(installation)}, ${literal(server)}) ON CONFLICT DO NOTHING`,
    ]),
  );
}

/** PostponedError `ServerUnfit` where another one is. */
export async function checkHolder(ask: Ask, here: HolderHere): Promise<void> {
  const [noted] = await ask(sql`SELECT installation, server FROM wcp360.holder`);
  requireHolder(noted as unknown as ServerHolder | undefined, here);
}

/** Whether who is noted may be; nobody is on a server that no agent has taken up. */
export async function judgeHolder(ask: Ask, judge: JudgeHolder): Promise<void> {
  const [table] = await ask(sql`SELECT to_regclass('wcp360.holder') IS NOT NULL AS "isThere"`);
  if (table?.['isThere'] !== true) return;
  const [found] = await ask(sql`SELECT installation, server FROM wcp360.holder`);
  const next = found === undefined ? undefined : judge(found as unknown as ServerHolder);
  if (next === undefined) return;
  const { installation, server } = next;
  await ask(sql`UPDATE wcp360.holder SET installation = ${literal(installation)}, server = ${literal(server)}`);
}
