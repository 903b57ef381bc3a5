import type { DnsBackend, DnsSettings } from './dns-settings.ts';

/** After the machine stopped at once either is whole, and has all but the very last changes. */
const backendLines: Readonly<Record<DnsBackend, (directory: string) => Readonly<Record<string, string>>>> = {
  sqlite: (directory) => ({
    launch: 'gsqlite3',
    'gsqlite3-database': `${directory}/zones.db`,
    'gsqlite3-pragma-journal-mode': 'WAL',
    'gsqlite3-pragma-synchronous': '1',
    'gsqlite3-dnssec': 'yes',
  }),
  lmdb: (directory) => ({
    launch: 'lmdb',
    'lmdb-filename': `${directory}/zones.lmdb`,
    'lmdb-sync-mode': 'nometasync',
    'lmdb-shards': '1',
  }),
};

/** The name server's whole configuration: lines of `name=value` whose values are facts of the host. */
export function renderConfiguration(settings: DnsSettings, apiKey: string): string {
  const { root, backend, addresses, port, apiPort, resolver, uid, gid } = settings;
  const lines: Readonly<Record<string, string>> = {
    ...backendLines[backend](`${root}/dns/data`),
    'local-address': addresses.join(', '),
    'local-port': String(port),
    'socket-dir': `${root}/dns/run`,
    setuid: String(uid),
    setgid: String(gid),
    daemon: 'no',
    guardian: 'no',
    api: 'yes',
    'api-key': apiKey,
    webserver: 'yes',
    'webserver-address': '127.0.0.1',
    'webserver-port': String(apiPort),
    'webserver-allow-from': '127.0.0.1',
    // In megabytes: a zone is made in one request.
    'webserver-max-bodysize': '64',
    // A change is seen by the next question.
    'zone-cache-refresh-interval': '0',
    'cache-ttl': '0',
    'query-cache-ttl': '0',
    'negquery-cache-ttl': '0',
    'version-string': 'anonymous',
    'security-poll-suffix': '',
    // Those that a zone names are told of its changes, and nobody else, be it in its NS records.
    primary: 'yes',
    'only-notify': '',
    'disable-axfr': 'no',
    'allow-axfr-ips': '',
    // The server ends when this is there without a value.
    ...(resolver === undefined ? {} : { resolver, 'expand-alias': 'yes' }),
    'enable-lua-records': 'no',
    'allow-dnsupdate-from': '',
  };
  return `${Object.entries(lines)
    .map(([name, value]) => `${name}=${value}`)
    .join('\n')}\n`;
}
