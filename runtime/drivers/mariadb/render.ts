import { identityPaths, mariadbPaths, type MariadbSettings } from './mariadb-settings.ts';

const mebibyte = 1024 * 1024;

/** The server's whole configuration: lines of `name=value` whose values are facts of the host. */
export function renderConfiguration({
  root,
  bufferBytes,
  temporaryBytes,
  connections,
  network,
  options = {},
}: MariadbSettings): string {
  const { data, temporary, socket } = mariadbPaths(root);
  const lines: Readonly<Record<string, string>> = {
    datadir: data,
    tmpdir: temporary,
    socket,
    // Tenants see what is beside the socket.
    'pid-file': `${temporary}/mariadb.pid`,
    ...networkOptions(root, network),
    'skip-name-resolve': '1',
    'character-set-server': 'utf8mb4',
    'collation-server': 'utf8mb4_unicode_ci',
    'innodb-buffer-pool-size': String(bufferBytes),
    // It never becomes smaller until the server is started anew.
    'innodb-temp-data-file-path': `ibtmp1:12M:autoextend:max:${Math.floor(temporaryBytes / mebibyte)}M`,
    // Each of those that the server makes by itself; a session may have less.
    'tmp-disk-table-size': String(temporaryBytes),
    'maximum-tmp-disk-table-size': String(temporaryBytes),
    'max-connections': String(connections),
    'max-allowed-packet': '64M',
    // Who makes a routine has no more rights on it than on its database, so that these are all that has to be taken away.
    'automatic-sp-privileges': '0',
    // Events would run without a session that can be counted.
    'event-scheduler': 'DISABLED',
    // Whoever asks for another engine than `serverOptions` has gets that one, not an error.
    'sql-mode': 'STRICT_TRANS_TABLES,ERROR_FOR_DIVISION_BY_ZERO,NO_AUTO_CREATE_USER',
    // No table lies outside of the data directory.
    'symbolic-links': '0',
    ...sessionsByLogin,
    ...options,
  };
  return `[mariadbd]\n${Object.entries(lines)
    .map(([name, value]) => `${name}=${value}\n`)
    .join('')}`;
}

/** By its socket alone, unless there is a network; from there with TLS alone. */
function networkOptions(root: string, network: MariadbSettings['network']): Readonly<Record<string, string>> {
  if (network === undefined) return { 'skip-networking': '1' };
  const { certificate, key } = identityPaths(root);
  return {
    'bind-address': network.addresses.length === 0 ? '*' : network.addresses.join(','),
    port: '3306',
    'ssl-cert': certificate,
    'ssl-key': key,
    'tls-version': 'TLSv1.2,TLSv1.3',
    'require-secure-transport': '1',
  };
}

/** What the performance schema would count, and how many of them. */
const uncounted: readonly string[] = [
  ...['cond', 'file', 'memory', 'mutex', 'rwlock', 'socket', 'stage', 'statement'].map((what) => `max-${what}-classes`),
  ...['cond', 'file', 'mutex', 'prepared-statements', 'program', 'rwlock', 'socket', 'table'].map(
    (what) => `max-${what}-instances`,
  ),
  ...['max-table-handles', 'max-index-stat', 'max-table-lock-stat', 'max-metadata-locks'],
  ...['accounts-size', 'hosts-size', 'users-size', 'digests-size', 'session-connect-attrs-size'],
  ...['max-digest-length', 'max-sql-text-length'],
  ...['waits', 'stages', 'statements', 'transactions'].flatMap((what) => [
    `events-${what}-history-size`,
    `events-${what}-history-long-size`,
  ]),
];

/**
 * The list of processes shows whose rights a session uses now, which within a routine are its definer's. Who logged in is known to the performance schema
 * alone, which counts nothing else here: that would take 100 MB.
 */
const sessionsByLogin: Readonly<Record<string, string>> = {
  'performance-schema': '1',
  ...Object.fromEntries(uncounted.map((name) => [`performance-schema-${name}`, '0'])),
};

/**
 * Of the server that runs, not of the one that makes its own tables, which are of other engines. Tables of MERGE reach those of another database whatever their
 * user may do there by now; MyISAM is neither whole after a crash nor in a dump.
 */
export const serverOptions: readonly string[] = ['--enforce-storage-engine=InnoDB'];
