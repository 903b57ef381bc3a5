import { HostError } from '#runtime/base/errors.ts';
import type { Archiving } from '#runtime/drivers/databases/archive.ts';
import { createDatabasesDriver, type DatabasesWorld } from '#runtime/drivers/databases/create-driver.ts';
import type { ServerAction, DatabaseSettings, LoginSettings, PasswordRef } from '#runtime/drivers/databases/model.ts';
import { readPassword } from '#runtime/drivers/databases/read-password.ts';
import { emptyDatabases, putFound } from '#runtime/drivers/databases/snapshot.ts';
import { createServersDriver } from '#runtime/drivers/databases/servers-driver.ts';
import type { ServerHost } from '#runtime/drivers/databases/server-host.ts';
import { required } from '#runtime/base/errors.ts';
import type { Host } from '#runtime/host/host.ts';

/** A database server as files of a model machine: one for each database and login, with its mark and, of a login, what lets in. */
function modelEngine<Name extends 'postgresql' | 'mariadb'>(name: Name) {
  return createDatabasesDriver<Name>({
    name,
    observe: async (world, signal) => {
      const host = machineOf(world);
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
    archiving: withoutPrograms,
    apply: async (action: ServerAction<Name>, world: DatabasesWorld, signal) => {
      const host = machineOf(world);
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

/** Nothing becomes a file of a model, since no program runs. */
export const withoutPrograms: Archiving = {
  dumper: async () => await Promise.reject(new HostError('the model machine has no programs')),
  form: () => ({ end: /$/, mapLine: () => undefined }),
  closed: async () => undefined,
  dumped: async () => undefined,
  prepare: async () => await Promise.reject(new HostError('the model machine has no programs')),
  endFilling: async () => undefined,
  fills: 'compare',
  discard: async () => undefined,
  adopt: async () => undefined,
  contents: async function* none() {},
  setDown: async () => false,
};

export const modelDatabases = {
  PostgreSQL: createServersDriver(modelEngine('postgresql')),
  MariaDB: createServersDriver(modelEngine('mariadb')),
};

const machines = new WeakMap<ServerHost, Host>();

/** The servers of a model machine. */
export function modelServersOf(machine: Host): () => readonly ServerHost[] {
  const own: ServerHost = {
    server: '',
    readProgramText: machine.readProgramText,
    way: () => Promise.resolve({ socketDirectory: '/nowhere' }),
    isRemote: false,
    administrator: () => Promise.resolve({ username: 'nobody' }),
    hasServer: () => Promise.resolve(true),
    enter: () => Promise.reject(new Error('nobody enters a model')),
  };
  machines.set(own, machine);
  return () => [own];
}

function machineOf({ host }: DatabasesWorld): Host {
  return required(machines.get(host), 'a model machine');
}

/** What the model machine says it has. */
export const modelServers = {
  postgresql: {
    account: { uid: 110, gid: 110 },
    versions: [{ major: 15, programs: '/usr/lib/postgresql/15/bin', server: '15' }],
  },
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
