import { createHash } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { HostError } from '#runtime/base/errors.ts';
import type { Host, ServiceUnit } from '#runtime/host/host.ts';
import { placeIdentity } from '#runtime/drivers/databases/identity.ts';
import type { ServerKeyPair } from '#runtime/drivers/databases/server-host.ts';
import { identityPaths, mariadbPaths, type MariadbSettings } from './mariadb-settings.ts';
import { createMarks } from './marks.ts';
import { hasOwnServer, ownServer } from './own-server.ts';
import { renderConfiguration, serverOptions } from './render.ts';
import { withServer } from './server.ts';

const serviceName = 'mariadb';
const program = '/usr/sbin/mariadbd';
const initProgram = '/usr/bin/mariadb-install-db';
/** After a crash it reads its log first. */
const readyTimeoutMs = 120_000;
const initTimeoutMs = 120_000;

/** The server as a service; with another configuration it is another unit, and is started anew. */
function mariadbService({ root, uid, gid }: MariadbSettings, configuration: string): ServiceUnit {
  const paths = mariadbPaths(root);
  return {
    name: serviceName,
    command: [program, `--defaults-file=${paths.configuration}`, ...serverOptions],
    environment: { WCP360_CONFIGURATION: createHash('sha256').update(configuration).digest('hex').slice(0, 12) },
    uid,
    gid,
    workingDirectory: '/',
    logPath: paths.log,
    restart: 'always',
    stopTimeoutMs: 60_000,
  };
}

/**
 * Brings the server to these settings: makes its data directory where there is none, writes its configuration, starts it, and returns when it answers.
 * Nothing is written or started anew when all stands. HostError when it does not start.
 */
export async function startMariadb(host: Host, settings: MariadbSettings, signal: AbortSignal): Promise<void> {
  await makeDirectories(host, settings, signal);
  const configuration = renderConfiguration(settings);
  await place(host, mariadbPaths(settings.root).configuration, configuration, signal);
  await makeData(host, settings, signal);
  await host.services.start(mariadbService(settings, configuration), signal);
  await untilItAnswers(host, signal);
}

/** Puts what it is known by over the network where it reads that; also before it is made. */
export async function placeMariadbIdentity(
  host: Host,
  pair: ServerKeyPair,
  { gid }: { readonly gid: number },
  signal: AbortSignal,
): Promise<void> {
  const directory = mariadbPaths(host.root).directory;
  await placeIdentity(host, pair, { ...identityPaths(host.root), directory, gid }, signal);
}

/** Has it show another certificate, which is at its place already, to whoever comes from now on. */
export async function reloadMariadb(host: Host, signal: AbortSignal): Promise<void> {
  await withServer(ownServer(host), signal, async (server) => await server.tell('FLUSH SSL'));
}

/** Nothing when none runs. What it had stays. */
export async function stopMariadb(host: Host, signal: AbortSignal): Promise<void> {
  await host.services.stop(serviceName, signal);
}

async function makeDirectories(host: Host, { root, uid, gid }: MariadbSettings, signal: AbortSignal): Promise<void> {
  const { directory, temporary, run } = mariadbPaths(root);
  for (const path of [`${root}/databases`, directory])
    await host.makeDirectory(path, { mode: 0o711, uid: 0, gid: 0 }, signal);
  await host.makeDirectory(temporary, { mode: 0o700, uid, gid }, signal);
  await host.makeDirectory(run, { mode: 0o755, uid, gid }, signal);
}

async function place(host: Host, path: string, text: string, signal: AbortSignal): Promise<void> {
  if ((await host.readText(path, signal)) === text) return;
  await host.replaceFile(path, text, { mode: 0o644, uid: 0, gid: 0, durable: true }, signal);
}

/** Made beside by the server's own program and account, and renamed into place when it is whole. */
async function makeData(host: Host, { root, uid, gid }: MariadbSettings, signal: AbortSignal): Promise<void> {
  const { configuration, data } = mariadbPaths(root);
  if (await hasOwnServer(host, signal)) return;
  const beside = `${data}.new`;
  await host.removeTree(beside, signal);
  await host.makeDirectory(beside, { mode: 0o700, uid, gid }, signal);
  const options = [`--defaults-file=${configuration}`, `--datadir=${beside}`];
  const how = { uid, gid, timeoutMs: initTimeoutMs, environment: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin' } };
  await host.run([initProgram, ...options, ...initOptions], how, signal);
  await host.run([program, ...options, '--bootstrap'], { ...how, input: firstStatements }, signal);
  await host.rename(beside, data, signal);
}

const initOptions = ['--auth-root-authentication-method=socket', '--auth-root-socket-user=root', '--skip-test-db'];

/** The administrator comes by the word of the kernel alone, and there is nobody else yet. */
const firstStatements = [
  `DELETE FROM mysql.global_priv WHERE User NOT IN ('root', 'mariadb.sys') OR (User = 'root' AND Host <> 'localhost')`,
  `UPDATE mysql.global_priv SET Priv = '{"access":18446744073709551615,"plugin":"unix_socket"}' WHERE User = 'root'`,
  `DELETE FROM mysql.proxies_priv`,
  `DELETE FROM mysql.db`,
  ...createMarks,
]
  // The server takes a statement a line.
  .map((statement) => `${statement.replaceAll(/\s+/g, ' ')};\n`)
  .join('');

async function untilItAnswers(host: Host, signal: AbortSignal): Promise<void> {
  const deadline = performance.now() + readyTimeoutMs;
  const own = ownServer(host);
  for (;;) {
    try {
      await withServer(own, signal, async (server) => await server.ask('SELECT 1'));
      return;
    } catch (err) {
      if (!(err instanceof HostError) || performance.now() > deadline) throw err;
    }
    await delay(20, undefined, { signal });
  }
}
