import { setTimeout as delay } from 'node:timers/promises';
import { HostError } from '#runtime/base/errors.ts';
import type { ServerHost } from '#runtime/drivers/databases/server-host.ts';
import { withServer, type Server } from './server.ts';
import { noSuchSession } from './server-errors.ts';
import { endSession } from './statements.ts';

const endTimeoutMs = 10_000;
const firstPauseMs = 10;
const longestPauseMs = 500;

/**
 * Puts out whoever has logged in under one of these names or uses its rights now, within a routine; a session keeps the rights that it came with. Returns
 * when all are gone. HostError when one does not go in ten seconds, such as while it takes back a large transaction.
 */
export async function endSessions(host: ServerHost, logins: readonly string[], signal: AbortSignal): Promise<void> {
  if (logins.length === 0) return;
  const deadline = performance.now() + endTimeoutMs;
  let pauseMs = firstPauseMs;
  while ((await withServer(host, signal, async (server) => await endThose(server, logins))) > 0) {
    if (performance.now() > deadline) throw new HostError(`sessions of ${logins.join(', ')} do not end`);
    await delay(pauseMs, undefined, { signal });
    pauseMs = Math.min(2 * pauseMs, longestPauseMs);
  }
}

/** How many there were. */
async function endThose(server: Server, logins: readonly string[]): Promise<number> {
  const names = logins.map(() => '?').join(', ');
  const rows = await server.ask(
    `SELECT ID AS id FROM information_schema.PROCESSLIST WHERE USER IN (${names})
      UNION SELECT PROCESSLIST_ID FROM performance_schema.threads WHERE PROCESSLIST_USER IN (${names})`,
    [...logins, ...logins],
  );
  for (const { id } of rows) await server.tell(endSession(Number(id)), undefined, [noSuchSession]);
  return rows.length;
}
