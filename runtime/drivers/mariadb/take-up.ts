import { PostponedError } from '#runtime/base/errors.ts';
import { checkVersion, holderHere, type HolderHere, type ServerHost } from '#runtime/drivers/databases/server-host.ts';
import { noteHolder } from './holder.ts';
import { createMarks } from './marks.ts';
import type { Server } from './connection.ts';

/** The first version whose accounts are told as they are here, and whose routines leave no rights of their own. */
const oldest = '10.11';

/** What ours are started with, and others have to have: what is kept from tenants hangs on it. */
const needed: readonly (readonly [variable: string, value: string, option: string])[] = [
  ['performance_schema', '1', 'performance-schema=1'],
  ['automatic_sp_privileges', '0', 'automatic-sp-privileges=0'],
  ['enforce_storage_engine', 'InnoDB', 'enforce-storage-engine=InnoDB'],
];

/** Makes what is ours on a server of others that does, and says as whose it is taken up. All of it can be repeated. PostponedError where it does not. */
export async function takeUp(server: Server, host: ServerHost, signal: AbortSignal): Promise<HolderHere | undefined> {
  await checkServer(server, host);
  for (const statement of createMarks) await server.tell(statement);
  const here = await holderHere(host, signal);
  if (here !== undefined) await noteHolder(server, here);
  return here;
}

/** PostponedError for a server that does not do. */
export async function checkServer(server: Server, host: ServerHost): Promise<void> {
  const columns = needed.map(([variable]) => `@@GLOBAL.${variable} AS ${variable}`).join(', ');
  const [facts = {}] = await server.ask(`SELECT VERSION() AS version, ${columns}`);
  const version = String(facts['version']).split('-')[0] ?? '';
  host.onVersion?.(version);
  checkVersion(version, host.versions ?? {}, oldest);
  const missing = needed.filter(([variable, value]) => String(facts[variable]) !== value).map(([, , option]) => option);
  if (missing.length > 0)
    throw new PostponedError('ServerUnfit', `The server has to have in its configuration: ${missing.join(', ')}.`);
  await mustAdminister(server);
}

/** What a login of ours is given, its administrator has to have, and be allowed to hand on. */
async function mustAdminister(server: Server): Promise<void> {
  const rows = await server.ask('SHOW GRANTS');
  const has = rows.some((row) =>
    /^GRANT ALL PRIVILEGES ON \*\.\* .* WITH GRANT OPTION$/su.test(String(Object.values(row)[0])),
  );
  if (!has)
    throw new PostponedError(
      'ServerUnfit',
      'The administrator of the server has to have ALL PRIVILEGES ON *.* WITH GRANT OPTION.',
    );
}
