import type { DnsSettings } from './dns-settings.ts';

/** The name server's whole configuration: lines of `name=value` whose values are facts of the host. */
export function renderConfiguration(settings: DnsSettings, apiKey: string): string {
  const { root, addresses, port, apiPort, resolver, uid, gid } = settings;
  const lines: Readonly<Record<string, string>> = {
    launch: 'gsqlite3',
    'gsqlite3-database': `${root}/dns/data/zones.db`,
    'gsqlite3-pragma-journal-mode': 'WAL',
    'gsqlite3-pragma-synchronous': '1',
    'gsqlite3-dnssec': 'yes',
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
    master: 'yes',
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
