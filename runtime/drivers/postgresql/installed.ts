import { RefusedError } from '#runtime/base/errors.ts';
import { machineOf, type ServerHost } from '#runtime/drivers/databases/server-host.ts';
import type { PostgresqlCapability, ReadOnlyHost } from '#runtime/host/host.ts';
import { openAdministration } from './enter.ts';
import { serverDirectory } from './render.ts';
import { sql } from './sql.ts';

/** The server that a host keeps for itself, of one of the versions that are installed. */
export interface InstalledServer {
  /** `15.8`. */
  readonly version: string;
  readonly programs: string;
  readonly uid: number;
  readonly gid: number;
}

/** Data of a version whose server is not installed any more: no other one reads it. */
export interface LackingServer {
  /** As its data says: `15`. */
  readonly version: string;
  /** The package that it needs: `postgresql-15`. */
  readonly lacks: string;
}

/** What a host's own server is, or will be once one is made; `undefined` where none can be. */
export async function installedPostgresql(
  host: Pick<ReadOnlyHost, 'root' | 'capabilities' | 'readText'>,
  signal: AbortSignal,
): Promise<InstalledServer | LackingServer | undefined> {
  const { postgresql } = await host.capabilities(signal);
  const written = await host.readText(`${serverDirectory(host.root)}/data/PG_VERSION`, signal);
  return serverFor(postgresql, written?.trim());
}

/** `dataVersion`: of the data that is there. Without any the newest server is taken. */
function serverFor(
  { account, versions }: PostgresqlCapability = { versions: [] },
  dataVersion: string | undefined,
): InstalledServer | LackingServer | undefined {
  const servers = account === undefined ? [] : versions.filter(({ server }) => server !== undefined);
  const found = dataVersion === undefined ? servers.at(-1) : servers.find(({ major }) => String(major) === dataVersion);
  if (found?.server !== undefined && account !== undefined)
    return { version: found.server, programs: found.programs, ...account };
  return dataVersion === undefined ? undefined : { version: dataVersion, lacks: `postgresql-${dataVersion}` };
}

/**
 * Where programs are that a server understands, and that understand it: of the oldest version that is not older than the server, which is asked for its own where that
 * is not known. RefusedError `ProgramsMissing` where the machine has none.
 */
export async function programsFor(host: ServerHost, signal: AbortSignal, knownVersion?: string): Promise<string> {
  const { versions } = (await machineOf(host).capabilities(signal)).postgresql ?? { versions: [] };
  const version = knownVersion ?? (await versionOf(host, signal));
  const least = Number.parseInt(version, 10);
  const found = versions.find(({ major }) => major >= least);
  if (found !== undefined) return found.programs;
  const whose = host.server === '' ? 'The server of this host' : `DatabaseServer ${host.server}`;
  const message = `${whose} is PostgreSQL ${version}, and the host has no programs for that: install postgresql-client-${String(least)} or a newer one there, and start its agent anew.`;
  throw new RefusedError('ProgramsMissing', message);
}

async function versionOf(host: ServerHost, signal: AbortSignal): Promise<string> {
  const session = await openAdministration(host, signal);
  try {
    const [row] = await session.ask(
      sql`SELECT split_part(current_setting('server_version'), ' ', 1) AS version`,
      signal,
    );
    return String(row?.['version']);
  } finally {
    session.close();
  }
}
