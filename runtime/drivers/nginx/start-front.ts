import { randomBytes } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { HostError, RefusedError } from '#runtime/base/errors.ts';
import { reachable } from '#runtime/base/networks.ts';
import { newKey } from '#runtime/pki/crypto-keys.ts';
import { issueAuthority } from '#runtime/pki/issue.ts';
import type { Host, ServiceUnit } from '#runtime/host/host.ts';
import type { FrontAddress, FrontSettings } from './front-settings.ts';
import { keyService, keySocket, keysDirectory } from './key-channel.ts';
import { sitesDirectory, usersDirectory } from './record.ts';
import { staplesDirectory } from './stapling/staple.ts';
import { makeFrontKeys } from './front-keys.ts';
import { renderFront, templateNames } from './render.ts';

const nginx = '/usr/sbin/nginx';
const readyTimeoutMs = 10_000;
/** A name that can have no record: asking for it shows that the front answers. */
const nobody = 'wcp360.invalid';

/** The front as a service. Its unit does not change with its configuration: that is reloaded, without closing a connection. */
export function frontService(settings: FrontSettings): ServiceUnit {
  const front = `${settings.root}/front`;
  return {
    name: 'nginx',
    command: [nginx, '-p', front, '-c', `${front}/nginx.conf`, '-e', `${front}/error.log`],
    workingDirectory: '/',
    logPath: `${front}/nginx.log`,
    restart: 'always',
    stopSignal: 'SIGQUIT',
    stopTimeoutMs: 3_000,
  };
}

/**
 * Brings the front to these settings: writes what differs of its constant files, has nginx check them, starts it or has it reload, and returns
 * when it answers on the first address. Nothing is written or started when all stands.
 * RefusedError `FrontRefused` when nginx does not take the configuration; one that runs goes on as it is then.
 */
export async function startFront(host: Host, settings: FrontSettings, signal: AbortSignal): Promise<void> {
  await makeDirectories(host, signal);
  await removeStrays(host, signal);
  await makeSecrets(host, settings, signal);
  const isChanged = await writeConstants(host, settings, signal);
  const unit = frontService(settings);
  const wasRunning = (await host.services.get(unit.name, signal))?.running === true;
  if (isChanged || !wasRunning) await checkConfiguration(host, unit, signal);
  await host.services.start(await keyService(host, settings.keyProgram, signal), signal);
  await host.services.start(unit, signal);
  if (isChanged && wasRunning) await host.services.signal(unit.name, 'SIGHUP');
  await untilItAnswers(host, settings, signal);
}

async function makeDirectories(host: Host, signal: AbortSignal): Promise<void> {
  const { front } = await host.capabilities(signal);
  const directory = `${host.root}/front`;
  const closed = { mode: 0o750, uid: 0, gid: front.gid };
  const open = { mode: 0o755, uid: 0, gid: 0 };
  await host.makeDirectory(directory, { mode: 0o711, uid: 0, gid: 0 }, signal);
  await host.makeDirectory(sitesDirectory(host.root), closed, signal);
  await host.makeDirectory(usersDirectory(host.root), closed, signal);
  for (const name of ['challenges', 'handshakes']) await host.makeDirectory(`${directory}/${name}`, closed, signal);
  await host.makeDirectory(staplesDirectory(host.root), closed, signal);
  await host.makeDirectory(keysDirectory(host.root), { mode: 0o700, uid: 0, gid: 0 }, signal);
  for (const name of ['lua', 'lua/wcp', 'empty']) await host.makeDirectory(`${directory}/${name}`, open, signal);
  for (const name of ['logs', 'temp']) {
    await host.makeDirectory(`${directory}/${name}`, { mode: 0o750, uid: front.uid, gid: front.gid }, signal);
  }
}

/** Users and keys of a record that was never written, or that somebody removed by hand: nobody would take them away. */
async function removeStrays(host: Host, signal: AbortSignal): Promise<void> {
  const namesIn = async (directory: string): Promise<readonly string[]> =>
    ((await host.readDirectory(directory, signal)) ?? []).map(({ name }) => name);
  const records = new Set(await namesIn(sitesDirectory(host.root)));
  for (const directory of [usersDirectory(host.root), keysDirectory(host.root)]) {
    for (const name of await namesIn(directory)) {
      if (!records.has(name)) await host.removeFile(`${directory}/${name}`, signal);
    }
  }
}

async function writeConstants(host: Host, settings: FrontSettings, signal: AbortSignal): Promise<boolean> {
  const directory = `${host.root}/front`;
  const templates = new Map<string, string>();
  for (const name of templateNames) {
    templates.set(name, await host.readProgramText(new URL(`./front/${name}`, import.meta.url), signal));
  }
  let isChanged = false;
  for (const [name, text] of renderFront(templates, settings)) {
    const path = `${directory}/${name}`;
    if ((await host.readText(path, signal)) === text) continue;
    await host.replaceFile(path, text, { mode: 0o644, uid: 0, gid: 0 }, signal);
    isChanged = true;
  }
  return isChanged;
}

/** What is made once and is this host's alone. */
async function makeSecrets(host: Host, settings: FrontSettings, signal: AbortSignal): Promise<void> {
  const { front } = await host.capabilities(signal);
  const directory = `${host.root}/front`;
  const token = `${directory}/probe-token`;
  if ((await host.facts(token, signal)) === undefined) {
    const text = `${randomBytes(24).toString('hex')}\n`;
    await host.replaceFile(token, text, { mode: 0o640, uid: 0, gid: front.gid }, signal);
  }
  await makeFrontKeys(host, settings, signal);
  const placeholder = `${directory}/placeholder.crt`;
  if ((await host.facts(placeholder, signal)) !== undefined) return;
  const { certificate, key } = await issueAuthority('nobody', newKey(), Date.now());
  const rootOnly = { mode: 0o600, uid: 0, gid: 0 };
  await host.replaceFile(`${directory}/placeholder.key`, key, rootOnly, signal);
  await host.replaceFile(placeholder, certificate, rootOnly, signal);
}

async function checkConfiguration(host: Host, unit: ServiceUnit, signal: AbortSignal): Promise<void> {
  const answer = await host.run([...unit.command, '-t', '-q'], { timeoutMs: 30_000, allowFailure: true }, signal);
  if (answer.exitCode === 0) return;
  throw new RefusedError('FrontRefused', `nginx refuses its configuration: ${answer.stderr.trim().slice(0, 1_000)}`);
}

async function untilItAnswers(host: Host, settings: FrontSettings, signal: AbortSignal): Promise<void> {
  const address = probeAddress(settings);
  const deadline = performance.now() + readyTimeoutMs;
  const isReady = async (): Promise<boolean> =>
    (await host.accepts(keySocket(host.root), signal)) &&
    (address === undefined || (await answers(host, { host: reachable(address.address), port: address.port }, signal)));
  while (!(await isReady())) {
    if (performance.now() > deadline) throw new HostError('the web front or its key channel does not answer');
    await delay(20, undefined, { signal });
  }
}

/** Where a plain request is taken; `undefined` when every listener wants the PROXY protocol: then the service running must do. */
export function probeAddress(settings: FrontSettings): FrontAddress | undefined {
  return settings.probeListen ?? (settings.clientAddress === 'ProxyProtocol' ? undefined : settings.listen[0]);
}

async function answers(
  host: Host,
  address: { readonly host: string; readonly port: number },
  signal: AbortSignal,
): Promise<boolean> {
  try {
    const ask = { address, method: 'GET', path: '/', headers: { host: nobody }, timeoutMs: 2_000 } as const;
    return (await host.httpRequest(ask, signal)).status === 421;
  } catch (err) {
    if (err instanceof HostError) return false;
    throw err;
  }
}
