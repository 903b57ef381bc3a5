import type { PostgresqlSettings } from './postgresql-settings.ts';

/** The server's own superuser, whom only root of this machine can be. */
export const administrator = 'postgres';

const mebibyte = 1024 * 1024;
/** Sessions that are the administrator's alone. */
const reserved = 10;

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
    'pg_ident.conf': lines([`wcp360 root ${administrator}`]),
  };
}

/** Its certificate with the chain, and its key. */
export function identityPaths(root: string): { readonly certificate: string; readonly key: string } {
  const directory = `${serverDirectory(root)}/conf`;
  return { certificate: `${directory}/server.crt`, key: `${directory}/server.key` };
}

/** Who may come from where, while the server does not run. */
export function admissionsPaths(root: string): { readonly rules: string; readonly networks: string } {
  const directory = `${serverDirectory(root)}/conf`;
  return { rules: `${directory}/pg_hba.conf`, networks: `${directory}/networks.json` };
}

function parameters({ root, memoryBytes, connections, network }: PostgresqlSettings): Readonly<Record<string, string>> {
  const directory = serverDirectory(root);
  return {
    data_directory: `${directory}/data`,
    hba_file: admissionsPaths(root).rules,
    ident_file: `${directory}/conf/pg_ident.conf`,
    cluster_name: 'wcp360',
    ...networkParameters(root, network),
    unix_socket_directories: `"${socketDirectory(root)}"`,
    max_connections: String(
      (connections ?? between(90, Math.floor(memoryBytes / (16 * mebibyte)) - reserved, 990)) + reserved,
    ),
    superuser_reserved_connections: String(reserved),
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

/** By its socket alone, unless there is a network. */
function networkParameters(root: string, network: PostgresqlSettings['network']): Readonly<Record<string, string>> {
  if (network === undefined) return { listen_addresses: '' };
  const { certificate, key } = identityPaths(root);
  return {
    listen_addresses: network.addresses.length === 0 ? '*' : network.addresses.join(', '),
    ssl: 'on',
    ssl_min_protocol_version: 'TLSv1.2',
    ssl_cert_file: certificate,
    ssl_key_file: key,
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
