import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Test } from 'tap';
import { randomInt } from 'node:crypto';
import { freePort } from './free-port.ts';
import { until } from './instance.ts';
import { memoryDirectory } from './memory-directory.ts';
import { labProcess } from './process.ts';
import { run } from './run.ts';

/** A PowerDNS as somebody else has it, which fetches zones. It is told of changes on port 53 of a loopback address of its own. */
export interface Secondary {
  readonly address: string;
  /** Runs `pdnsutil` on its database. */
  configure(...words: readonly string[]): Promise<void>;
  /** Lines of dig's short answer, sorted. */
  dig(name: string, type: string, ...options: readonly string[]): Promise<readonly string[]>;
}

const schema = '/usr/share/pdns-backend-sqlite3/schema/schema.sqlite3.sql';

/** Starts it; it ends with the test. It looks after its zones by itself only once an hour: whatever comes sooner it was told. */
export async function startSecondary(t: Test): Promise<Secondary> {
  const directory = await mkdtemp(join(await memoryDirectory(), 'wcp360-secondary-'));
  const address = `127.${randomInt(1, 255)}.${randomInt(255)}.${randomInt(2, 255)}`;
  const database = join(directory, 'zones.db');
  await succeed(['/usr/bin/sqlite3', '-batch', database, `.read ${schema}`]);
  const settings = {
    launch: 'gsqlite3',
    'gsqlite3-database': database,
    'gsqlite3-dnssec': 'yes',
    'local-address': address,
    'local-port': '53',
    'query-local-address': address,
    'socket-dir': directory,
    secondary: 'yes',
    'xfr-cycle-interval': '3600',
    'zone-cache-refresh-interval': '0',
    'cache-ttl': '0',
    'query-cache-ttl': '0',
    'negquery-cache-ttl': '0',
    'security-poll-suffix': '',
    api: 'no',
    webserver: 'no',
    'webserver-port': String(await freePort()),
  };
  const lines = Object.entries(settings).map(([name, value]) => `${name}=${value}\n`);
  await writeFile(join(directory, 'pdns.conf'), lines.join(''));
  await chmod(directory, 0o700);
  const server = labProcess('/usr/sbin/pdns_server', [`--config-dir=${directory}`, '--daemon=no', '--guardian=no']);
  server.start();
  t.teardown(async () => {
    await server.kill();
    await rm(directory, { recursive: true, force: true });
  });
  const dig: Secondary['dig'] = async (name, type, ...options) => {
    const argv = ['/usr/bin/dig', `@${address}`, '+short', '+norecurse', '+tries=3', '+time=10'];
    return (await succeed([...argv, name, type, ...options]))
      .split('\n')
      .filter((line) => line !== '')
      .toSorted();
  };
  await until(async () => (await dig('nothing.test', 'A')).length === 0, 'the secondary to answer');
  return {
    address,
    configure: async (...words) => void (await succeed(['/usr/bin/pdnsutil', `--config-dir=${directory}`, ...words])),
    dig,
  };
}

async function succeed(argv: readonly string[]): Promise<string> {
  const { exitCode, stdout, stderr } = await run(argv);
  if (exitCode !== 0) throw new Error(`${argv.join(' ')}: ${stdout}${stderr}`);
  return stdout;
}
