import {
  requireHolder,
  type HolderHere,
  type JudgeHolder,
  type ServerHolder,
} from '#runtime/drivers/databases/server-host.ts';
import type { Server } from './connection.ts';

const database = 'wcp360-marks';
const table = `\`${database}\`.holder`;

/** Notes who has the server, unless somebody is noted. */
export async function noteHolder(server: Server, holder: ServerHolder): Promise<void> {
  await server.tell(`CREATE TABLE IF NOT EXISTS ${table} (
    one BOOLEAN PRIMARY KEY DEFAULT 1 CHECK (one = 1),
    installation VARCHAR(64) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    server VARCHAR(64) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL
  ) ENGINE=InnoDB`);
  await server.tell(`INSERT IGNORE INTO ${table} (one, installation, server) VALUES (1, ?, ?)`, [
    holder.installation,
    holder.server,
  ]);
}

/** PostponedError `ServerUnfit` where another one is. */
export async function checkHolder(server: Server, here: HolderHere): Promise<void> {
  const [noted] = await server.ask(`SELECT installation, server FROM ${table}`);
  requireHolder(noted as unknown as ServerHolder | undefined, here);
}

/** Whether who is noted may be; nobody is on a server that no agent has taken up. */
export async function judgeHolder(server: Server, judge: JudgeHolder): Promise<void> {
  const look = 'SELECT 1 FROM information_schema.TABLES WHERE TABLE_SCHEMA = ? AND TABLE_NAME = ?';
  if ((await server.ask(look, [database, 'holder'])).length === 0) return;
  const [found] = await server.ask(`SELECT installation, server FROM ${table}`);
  const next = found === undefined ? undefined : judge(found as unknown as ServerHolder);
  if (next !== undefined)
    await server.tell(`UPDATE ${table} SET installation = ?, server = ?`, [next.installation, next.server]);
}
