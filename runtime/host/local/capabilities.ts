import { existsSync, readdirSync } from 'node:fs';
import { statfs } from 'node:fs/promises';
import { availableParallelism, totalmem } from 'node:os';
import { HostError } from '#runtime/base/errors.ts';
import type { DaemonCapability, HostCapabilities, PostgresqlVersion, PowerdnsCapability } from '#runtime/host/host.ts';
import { runProgram } from './run-program.ts';

const getent = '/usr/bin/getent';
const nginx = '/usr/sbin/nginx';
const powerdns = {
  program: '/usr/sbin/pdns_server',
  user: 'pdns',
  backends: { sqlite: 'libgsqlite3backend.so', lmdb: 'liblmdbbackend.so' },
} as const;
const mariadb = { user: 'mysql', argv: ['/usr/sbin/mariadbd', '--no-defaults', '--version'], words: /Ver (\d[\d.]*)/ };
const adminer = '/usr/share/adminer/adminer.php';
const postgresql = { directory: '/usr/lib/postgresql', user: 'postgres' } as const;

/** Looks at what this machine has: one `getent`, `nginx -v` and `-V`, `--version` of `pdns_server`, `mariadbd` and each `postgres`, and the file system of `root`. */
export async function detectCapabilities(
  { root, frontUser }: { readonly root: string; readonly frontUser: string },
  signal: AbortSignal,
): Promise<HostCapabilities> {
  const accounts = await runProgram([getent, 'passwd'], { timeoutMs: 10_000 }, signal);
  const rows = accounts.stdout.split('\n').map((line) => line.split(':'));
  const front = rows.find((row) => row[0] === frontUser);
  if (front === undefined) throw new HostError(`this host has no account "${frontUser}" for the web front`);
  return {
    phpVersions: phpVersions(),
    nginxVersion: await versionOf([nginx, '-v'], /nginx\/(\S+)/, signal),
    http3: (await versionOf([nginx, '-V'], /--with-(http_v3)_module/, signal)) !== undefined,
    powerdns: await powerdnsOf(rows, signal),
    mariadb: await daemonOf(rows, mariadb, signal),
    postgresql: await postgresqlOf(rows, signal),
    adminer: existsSync(adminer),
    takenUids: new Set(rows.filter((row) => row.length > 2).map((row) => Number(row[2]))),
    size: await sizeOf(root),
    front: { user: frontUser, uid: Number(front[2]), gid: Number(front[3]) },
  };
}

async function sizeOf(root: string): Promise<HostCapabilities['size']> {
  const { blocks, bsize } = await statfs(root);
  return { processors: availableParallelism(), memoryBytes: totalmem(), storageBytes: blocks * bsize };
}

function phpVersions(): readonly string[] {
  return readdirSync('/usr/sbin')
    .flatMap((name) => /^php-fpm(\d+\.\d+)$/.exec(name)?.[1] ?? [])
    .toSorted();
}

async function powerdnsOf(accounts: Rows, signal: AbortSignal): Promise<HostCapabilities['powerdns']> {
  const { program, user } = powerdns;
  const daemon = await daemonOf(accounts, { user, argv: [program, '--version'], words: /Server (\S+)/ }, signal);
  return daemon === undefined ? undefined : { ...daemon, backends: powerdnsBackends() };
}

/** Of `getent passwd`. */
type Rows = readonly (readonly string[])[];

/** `undefined` where the program or its account is not there. */
async function daemonOf(
  accounts: Rows,
  { user, argv, words }: { readonly user: string; readonly argv: readonly string[]; readonly words: RegExp },
  signal: AbortSignal,
): Promise<DaemonCapability | undefined> {
  const account = accounts.find((row) => row[0] === user);
  const version = account === undefined ? undefined : await versionOf(argv, words, signal);
  if (account === undefined || version === undefined) return undefined;
  return { version, uid: Number(account[2]), gid: Number(account[3]) };
}

/** Modules lie below the directory of the machine's architecture. */
function powerdnsBackends(): PowerdnsCapability['backends'] {
  const directories = readdirSync('/usr/lib').map((name) => `/usr/lib/${name}/pdns`);
  return (['sqlite', 'lmdb'] as const).filter((backend) =>
    directories.some((directory) => existsSync(`${directory}/${powerdns.backends[backend]}`)),
  );
}

/** A package that is gone may leave its directory. */
async function postgresqlOf(accounts: Rows, signal: AbortSignal): Promise<HostCapabilities['postgresql']> {
  const { directory, user } = postgresql;
  const installed = existsSync(directory) ? readdirSync(directory).filter((name) => /^\d+$/.test(name)) : [];
  const versions: PostgresqlVersion[] = [];
  for (const major of installed.map(Number).toSorted((a, b) => a - b)) {
    const programs = `${directory}/${String(major)}/bin`;
    if (!existsSync(`${programs}/psql`)) continue;
    const server = await versionOf([`${programs}/postgres`, '--version'], /PostgreSQL\) (\S+)/, signal);
    versions.push({ major, programs, ...(server === undefined ? {} : { server }) });
  }
  const account = accounts.find((row) => row[0] === user);
  if (versions.length === 0) return undefined;
  return {
    ...(account === undefined ? {} : { account: { uid: Number(account[2]), gid: Number(account[3]) } }),
    versions,
  };
}

/** `undefined` when the program is not there. */
async function versionOf(argv: readonly string[], words: RegExp, signal: AbortSignal): Promise<string | undefined> {
  try {
    const { stdout, stderr } = await runProgram(argv, { timeoutMs: 10_000, allowFailure: true }, signal);
    return words.exec(`${stdout}${stderr}`)?.[1];
  } catch (err) {
    if (err instanceof HostError) return undefined;
    throw err;
  }
}
