import type { Claimant } from '#runtime/drivers/databases/model.ts';
import type { ServerHost } from '#runtime/drivers/databases/server-host.ts';
import { dropDatabaseOf, putDatabase } from './apply-database.ts';
import { mariadbArchiving } from './archive.ts';
import { handMarkOver, readMarks } from './marks.ts';
import { readSchemas } from './observe.ts';
import { withServer } from './server.ts';

/** Closes a database as it is, then hands it over. Nothing when it is somebody else's by now; of one that is not there nothing is left either. */
export async function keepDatabaseOf(
  { heir, ...claimant }: Claimant & { readonly heir: string },
  host: ServerHost,
  signal: AbortSignal,
): Promise<void> {
  const { name } = claimant;
  const { schema, marked } = await withServer(host, signal, async (server) => {
    const [mark] = await readMarks(server, 'database', [name]);
    if (mark?.owner !== claimant.owner) return {};
    return { schema: (await readSchemas(server, name)).get(name) ?? ('gone' as const), marked: mark.settings };
  });
  if (schema === undefined) return;
  // What is a file is closed already; of what it was, something may be left.
  if (marked?.access === 'Dumped')
    return void (await mariadbArchiving.setDown({ ...claimant, settings: marked }, host, signal));
  if (schema === 'gone') return await dropDatabaseOf(claimant, host, signal);
  await putDatabase({ ...claimant, settings: { ...schema, extensions: [], access: 'Closed' } }, host, signal);
  await withServer(host, signal, async (server) => {
    await handMarkOver(server, 'database', { ...claimant, heir });
  });
}
