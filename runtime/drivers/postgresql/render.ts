import type { PostgresqlSettings } from './postgresql-settings.ts';

/** The server's own superuser, whom only root of this machine can be. */
export const administrator = 'postgres';

const mebibyte = 1024 * 1024;

/** Everything of the server below a root. */
export function serverDirectory(root: string): string {
  return `${root}/databases/postgresql`;
}

/** Where its socket is, for all processes of the host. */
export function socketDirectory(root: string): string {
  return `${serverDirectory(root)}/run`;
}

/** The server's whole configuration by name of file; nothing of it is in its data. */
export function renderConfiguration(settings: PostgresqlSettings): Readonly<Record<string, string>> {
  return {
    'postgresql.conf': lines(Object.entries({ ...parameters(settings), ...settings.parameters }).map(parameterLine)),
    // The kernel tells who asks: root is the administrator, without a password; nobody else ever is.
    'pg_hba.conf': lines([`local all ${administrator} peer map=wcp360`, 'local all all scram-sha-256']),
    'pg_ident.conf': lines([`wcp360 root ${administrator}`]),
  };
}

function parameters({ root, memoryBytes }: PostgresqlSettings): Readonly<Record<string, string>> {
  const directory = serverDirectory(root);
  return {
    data_directory: `${directory}/data`,
    hba_file: `${directory}/conf/pg_hba.conf`,
    ident_file: `${directory}/conf/pg_ident.conf`,
    cluster_name: 'wcp360',
    listen_addresses: '',
    unix_socket_directories: `"${socketDirectory(root)}"`,
    max_connections: String(between(100, Math.floor(memoryBytes / (16 * mebibyte)), 1_000)),
    superuser_reserved_connections: '10',
    shared_buffers: `${between(32, Math.floor(memoryBytes / (16 * mebibyte)), 2_048)}MB`,
    // A transaction that is left prepared goes on holding what it has when its session is ended.
    max_prepared_transactions: '0',
    // A tenant's program that makes or dumps many tables locks them all.
    max_locks_per_transaction: '128',
    password_encryption: 'scram-sha-256',
    timezone: 'UTC',
    log_timezone: 'UTC',
    lc_messages: 'C',
    log_line_prefix: '%m [%p] %q%u@%d ',
    // What tenants send may hold their passwords.
    log_statement: 'none',
    log_min_error_statement: 'panic',
    log_parameter_max_length_on_error: '0',
  };
}

function parameterLine([name, value]: readonly [string, string]): string {
  return `${name} = '${value.replaceAll('\\', '\\\\').replaceAll("'", "''")}'`;
}

function between(least: number, wanted: number, most: number): number {
  return Math.min(Math.max(least, wanted), most);
}

function lines(all: readonly string[]): string {
  return `${all.join('\n')}\n`;
}
