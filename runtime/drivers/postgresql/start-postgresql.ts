import { createHash } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { HostError } from '#runtime/base/errors.ts';
import type { Host, ServiceUnit } from '#runtime/host/host.ts';
import { placeIdentity } from '#runtime/drivers/databases/identity.ts';
import type { ServerKeyPair } from '#runtime/drivers/databases/server-host.ts';
import type { PostgresqlSettings } from './postgresql-settings.ts';
import { hasOwnServer, ownServer } from './own-server.ts';
import { bringAdmissions, placeAdmissions, placedAdmissions, reload } from './admissions.ts';
import { administrator, identityPaths, renderConfiguration, serverDirectory, socketDirectory } from './render.ts';
import { openSession } from './session.ts';

const serviceName = 'postgresql';
const readyTimeoutMs = 60_000;

/** The server as a service; with another configuration it is another unit, and is started anew. */
function postgresqlService(settings: PostgresqlSettings, configuration: string): ServiceUnit {
  const { root, programs, uid, gid } = settings;
  const directory = serverDirectory(root);
  return {
    name: serviceName,
    command: [`${programs}/postgres`, '-c', `config_file=${directory}/conf/postgresql.conf`],
    environment: { WCP360_CONFIGURATION: createHash('sha256').update(configuration).digest('hex').slice(0, 12) },
    uid,
    gid,
    workingDirectory: '/',
    logPath: `${directory}/postgresql.log`,
    restart: 'always',
    // Ends sessions, and does not wait for them.
    stopSignal: 'SIGINT',
    stopTimeoutMs: 60_000,
  };
}

/**
 * Brings the server to these settings: makes its data where there is none, writes its configuration, starts it, and returns when it answers. Nothing is
 * written or started anew when all stands. HostError when it does not start.
 */
export async function startPostgresql(host: Host, settings: PostgresqlSettings, signal: AbortSignal): Promise<void> {
  await makeDirectories(host, settings, signal);
  await makeData(host, settings, signal);
  const configuration = renderConfiguration(settings);
  for (const [name, text] of Object.entries(configuration))
    await place(host, { path: `${serverDirectory(settings.root)}/conf/${name}`, text, gid: settings.gid }, signal);
  await placeAdmissions(host, await placedAdmissions(host, signal), settings, signal);
  await host.services.start(postgresqlService(settings, JSON.stringify(configuration)), signal);
  await untilItAnswers(host, signal);
}

/** Puts what it is known by over the network where it reads that; also before it is made. */
export async function placePostgresqlIdentity(
  host: Host,
  pair: ServerKeyPair,
  { gid }: { readonly gid: number },
  signal: AbortSignal,
): Promise<void> {
  const directory = serverDirectory(host.root);
  await placeIdentity(host, pair, { ...identityPaths(host.root), directory, gid }, signal);
}

/** Has it show another certificate, which is at its place already, to whoever comes from now on. */
export async function reloadPostgresql(host: Host, signal: AbortSignal): Promise<void> {
  const session = await openSession(ownServer(host), administrator, signal);
  await reload(async (statement) => await session.ask(statement, signal), signal).finally(session.close);
}

/** Nothing when none runs. What it has stays. */
export async function stopPostgresql(host: Host, signal: AbortSignal): Promise<void> {
  await host.services.stop(serviceName, signal);
}

async function makeDirectories(host: Host, { root, uid, gid }: PostgresqlSettings, signal: AbortSignal): Promise<void> {
  const directory = serverDirectory(root);
  await host.makeDirectory(`${root}/databases`, { mode: 0o711, uid: 0, gid: 0 }, signal);
  await host.makeDirectory(directory, { mode: 0o711, uid: 0, gid: 0 }, signal);
  await host.makeDirectory(`${directory}/conf`, { mode: 0o750, uid: 0, gid }, signal);
  await host.makeDirectory(socketDirectory(root), { mode: 0o755, uid, gid }, signal);
}

/** Renamed into place when it is whole. */
async function makeData(host: Host, settings: PostgresqlSettings, signal: AbortSignal): Promise<void> {
  if (await hasOwnServer(host, signal)) return;
  const { root, programs, uid, gid } = settings;
  const data = `${serverDirectory(root)}/data`;
  const beside = `${data}.new`;
  await host.removeTree(beside, signal);
  await host.makeDirectory(beside, { mode: 0o700, uid, gid }, signal);
  const common = { uid, gid, timeoutMs: 120_000 };
  const isDurable = settings.parameters?.['fsync'] !== 'off';
  await host.run([`${programs}/initdb`, ...initWords, ...(isDurable ? [] : ['--no-sync']), beside], common, signal);
  const marks = await host.readProgramText(new URL('./inside/marks.sql', import.meta.url), signal);
  const alone = [`${programs}/postgres`, '--single', '-j', '-D', beside, '-c', 'exit_on_error=true', administrator];
  await host.run(alone, { ...common, input: marks }, signal);
  await host.rename(beside, data, signal);
}

const initWords = [
  `--username=${administrator}`,
  '--encoding=UTF8',
  '--locale=C.UTF-8',
  '--lc-messages=C',
  // Who may connect stands elsewhere.
  '--auth=reject',
  '--data-checksums',
  '--no-instructions',
];

async function place(
  host: Host,
  { path, text, gid }: { readonly path: string; readonly text: string; readonly gid: number },
  signal: AbortSignal,
): Promise<void> {
  if ((await host.readText(path, signal)) === text) return;
  await host.replaceFile(path, text, { mode: 0o640, uid: 0, gid, durable: true }, signal);
}

async function untilItAnswers(host: Host, signal: AbortSignal): Promise<void> {
  const deadline = performance.now() + readyTimeoutMs;
  for (;;) {
    try {
      const own = ownServer(host);
      const session = await openSession(own, administrator, signal);
      await bringAdmissions(own, async (statement) => await session.ask(statement, signal), signal).finally(
        session.close,
      );
      return;
    } catch (err) {
      if (!(err instanceof HostError) || performance.now() > deadline) throw err;
    }
    await delay(20, undefined, { signal });
  }
}
