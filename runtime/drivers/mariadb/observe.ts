import type { DatabaseSettings, LoginSettings } from '#runtime/drivers/databases/model.ts';
import { emptyDatabases, putFound, type DatabasesSnapshot, type Shelf } from '#runtime/drivers/databases/snapshot.ts';
import type { ServerHost } from '#runtime/drivers/databases/server-host.ts';
import { differenceOf, readAccounts, type Accounts } from './account.ts';
import { grantChanges, wantedGrants } from './grants.ts';
import { readMarks, type Mark } from './marks.ts';
import { hostsOf } from './places.ts';
import { withServer, type Server } from './server.ts';

/** Everything there is, in seven statements. */
export async function observeMariadb(host: ServerHost, signal: AbortSignal): Promise<DatabasesSnapshot> {
  const snapshot = emptyDatabases();
  if (!(await host.hasServer(signal))) return snapshot;
  await withServer(host, signal, async (server) => {
    const databases = byName(await readMarks(server, 'database'));
    const logins = byName(await readMarks(server, 'login'));
    const schemas = await readSchemas(server);
    note(snapshot.databases, databases, schemas, isAsMarked);
    const accounts = await readAccounts(server);
    note(
      snapshot.logins,
      logins,
      accounts,
      (settings, found, mark) => found !== undefined && areAccountsOf(settings, found, { mark, databases }),
    );
  });
  return snapshot;
}

type Marks<Settings> = ReadonlyMap<string, Mark<Settings>>;

function byName<Settings>(marks: readonly Mark<Settings>[]): Marks<Settings> {
  return new Map(marks.map((mark) => [mark.name, mark]));
}

/** What is there, and what a mark says is there. */
function note<Settings, Thing>(
  shelf: Shelf<Settings>,
  marks: Marks<Settings>,
  things: ReadonlyMap<string, Thing>,
  isIntact: (settings: Settings, thing: Thing | undefined, mark: Mark<Settings>) => boolean,
): void {
  for (const name of new Set([...things.keys(), ...marks.keys()])) {
    const [mark, thing] = [marks.get(name), things.get(name)];
    const settings = mark?.isSettled === true ? mark.settings : undefined;
    const stands = mark !== undefined && settings !== undefined && isIntact(settings, thing, mark);
    putFound(shelf, name, { owner: mark?.owner, settings: stands ? settings : undefined });
  }
}

export type Schema = Pick<DatabaseSettings, 'encoding' | 'collation'>;

/** Of one name, or of all. */
export async function readSchemas(server: Server, name?: string): Promise<ReadonlyMap<string, Schema>> {
  const [where, values] = name === undefined ? ['', undefined] : [' WHERE SCHEMA_NAME = ?', [name]];
  const columns = 'SCHEMA_NAME AS name, DEFAULT_CHARACTER_SET_NAME AS encoding, DEFAULT_COLLATION_NAME AS collation';
  const rows = await server.ask(`SELECT ${columns} FROM information_schema.SCHEMATA${where}`, values);
  return new Map(
    rows.map((row) => [
      String(row['name']),
      { encoding: String(row['encoding']), collation: String(row['collation']) },
    ]),
  );
}

/** Of one that is a file by now the server has nothing. */
function isAsMarked(settings: DatabaseSettings, schema: Schema | undefined): boolean {
  return settings.access === 'Dumped' ? schema === undefined : schema !== undefined && isSame(settings, schema);
}

export function isSame(settings: DatabaseSettings, { encoding, collation }: Schema): boolean {
  return settings.encoding === encoding && settings.collation === collation;
}

/** From each place that it may come from, and from no other. */
function areAccountsOf(
  settings: LoginSettings,
  accounts: Accounts,
  { mark, databases }: { readonly mark: Mark<LoginSettings>; readonly databases: Marks<DatabaseSettings> },
): boolean {
  // Put by a version that knew of none.
  if (!('limits' in settings)) return false;
  const hosts = hostsOf(settings.origins);
  const grants = wantedGrants(settings, databases);
  return (
    accounts.size === hosts.length &&
    hosts.every((host) => {
      const account = accounts.get(host);
      const difference = differenceOf(account, { host, verifier: mark.verifier, settings });
      return difference === 'none' && account !== undefined && grantChanges(account.grants, grants).length === 0;
    })
  );
}
