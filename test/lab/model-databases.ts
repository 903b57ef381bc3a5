import { createDatabasesDriver, type DatabasesWorld } from '#runtime/drivers/databases/create-driver.ts';
import type { DatabaseAction, DatabaseSettings, LoginSettings, PasswordRef } from '#runtime/drivers/databases/model.ts';
import { readPassword } from '#runtime/drivers/databases/read-password.ts';
import { emptyDatabases, putFound } from '#runtime/drivers/databases/snapshot.ts';
import type { Host } from '#runtime/host/host.ts';

/** A database server as files of a model machine: one for each database and login, with its mark and, of a login, what lets in. */
function modelEngine<Name extends 'postgresql' | 'mariadb'>(name: Name) {
  return createDatabasesDriver<Name>({
    name,
    observe: async ({ host }, signal) => {
      const snapshot = emptyDatabases();
      for (const [file, text] of (await host.readTexts(directoryOf(host, name), signal)) ?? []) {
        const [kind = '', thing = ''] = file.split('.');
        const { owner, settings } = JSON.parse(text) as Kept;
        if (kind === 'database') putFound(snapshot.databases, thing, { owner, settings: settings as DatabaseSettings });
        else putFound(snapshot.logins, thing, { owner, settings: settings as LoginSettings });
      }
      return snapshot;
    },
    measure: async () => [],
    endOverlong: async () => 0,
    apply: async (action: DatabaseAction<Name>, world: DatabasesWorld, signal) => {
      const { host } = world;
      const kind = action.op.split('-').at(-1) ?? '';
      const path = `${directoryOf(host, name)}/${kind}.${action.input.name}`;
      const { input } = action;
      if ('heir' in input) return await handOver(host, path, input, signal);
      if (!('settings' in input)) return await host.removeFile(path, signal);
      const { owner, settings } = input;
      const kept: Kept = { owner, settings, ...('grants' in settings ? await lettingIn(settings, world, signal) : {}) };
      await host.makeDirectory(directoryOf(host, name), { mode: 0o700, uid: 0, gid: 0 }, signal);
      await host.replaceFile(path, JSON.stringify(kept), { mode: 0o600, uid: 0, gid: 0 }, signal);
    },
  });
}

export const modelDatabases = { PostgreSQL: modelEngine('postgresql'), MariaDB: modelEngine('mariadb') };

/** What the model machine says it has. */
export const modelServers = {
  postgresql: { version: '15', uid: 110, gid: 110, programs: '/usr/lib/postgresql/15/bin' },
  mariadb: { version: '10.11', uid: 111, gid: 111 },
};

interface Kept {
  readonly owner: string;
  readonly settings: DatabaseSettings | LoginSettings;
  readonly letsIn?: readonly string[];
}

async function lettingIn(
  { password, otherPassword }: LoginSettings,
  { secrets }: DatabasesWorld,
  signal: AbortSignal,
): Promise<Pick<Kept, 'letsIn'>> {
  const refs: readonly PasswordRef[] = otherPassword === undefined ? [password] : [password, otherPassword];
  return { letsIn: await Promise.all(refs.map(async (ref) => await readPassword(ref, secrets, signal))) };
}

/** Nothing when it is somebody else's by now. */
async function handOver(
  host: Host,
  path: string,
  { owner, heir }: { readonly owner: string; readonly heir: string },
  signal: AbortSignal,
): Promise<void> {
  const text = await host.readText(path, signal);
  const kept = text === undefined ? undefined : (JSON.parse(text) as Kept);
  if (kept?.owner !== owner) return;
  const settings = { ...kept.settings, access: 'Closed' };
  await host.replaceFile(
    path,
    JSON.stringify({ ...kept, owner: heir, settings }),
    { mode: 0o600, uid: 0, gid: 0 },
    signal,
  );
}

function directoryOf(host: Pick<Host, 'root'>, name: string): string {
  return `${host.root}/databases/${name}`;
}
