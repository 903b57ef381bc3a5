import { setTimeout as delay } from 'node:timers/promises';
import { HostError } from '#runtime/base/errors.ts';
import type { Host } from '#runtime/host/host.ts';
import { accountTexts } from '#runtime/host/tenant-sandbox.ts';
import {
  clientPaths,
  clientsDirectory,
  clientUnit,
  isClientService,
  programFiles,
  serviceOf,
  type Client,
} from './client-unit.ts';

const readyTimeoutMs = 10_000;
const passable = { mode: 0o711, uid: 0, gid: 0 };
const readable = { mode: 0o644, uid: 0, gid: 0 };

/** Starts it; resolves with the socket that the web front connects to, once that accepts. HostError when it does not start. */
export async function startClient(client: Client, host: Host, signal: AbortSignal): Promise<string> {
  const { id, root, seat } = client;
  const { socket, inside } = clientPaths(root, id);
  await prepare(client, host, signal);
  await host.services.start(clientUnit(client), signal);
  const made = `${inside}/fpm.sock`;
  await untilItAccepts(client, made, { host, signal });
  await host.publishSocket(made, socket, seat.uid, signal);
  return socket;
}

/** Ends it, and removes what there was of it. */
export async function stopClient(id: string, host: Host, signal: AbortSignal): Promise<void> {
  await host.services.stop(serviceOf(id), signal);
  await host.removeTree(clientPaths(host.root, id).directory, signal);
}

/** Ends all: those that another agent started, of which nobody knows any longer whose they are. */
export async function stopClients(host: Host, signal: AbortSignal): Promise<void> {
  for (const { name } of await host.services.list(signal))
    if (isClientService(name)) await host.services.stop(name, signal);
  await host.removeTree(clientsDirectory(host.root), signal);
}

async function prepare({ id, root, seat }: Client, host: Host, signal: AbortSignal): Promise<void> {
  const { front } = await host.capabilities(signal);
  const { directory, accounts, inside } = clientPaths(root, id);
  await host.makeDirectory(clientsDirectory(root), passable, signal);
  await host.makeDirectory(directory, passable, signal);
  await host.makeDirectory(accounts, { ...readable, mode: 0o755 }, signal);
  // Setgid: the socket that is made there gets the front's group.
  await host.makeDirectory(inside, { mode: 0o2710, uid: seat.uid, gid: front.gid }, signal);
  const account = accountTexts({ ...seat, home: '/' });
  for (const name of programFiles) {
    const path = `${clientsDirectory(root)}/${name}`;
    const text = await host.readProgramText(new URL(`./program/${name}`, import.meta.url), signal);
    if ((await host.readText(path, signal)) !== text) await host.replaceFile(path, text, readable, signal);
  }
  for (const name of ['passwd', 'group'] as const)
    await host.replaceFile(`${accounts}/${name}`, account[name], readable, signal);
}

/** Polls: php-fpm tells nobody when it listens. */
async function untilItAccepts(
  { id, root }: Client,
  socket: string,
  { host, signal }: { readonly host: Host; readonly signal: AbortSignal },
): Promise<void> {
  const deadline = performance.now() + readyTimeoutMs;
  for (let waitMs = 1; !(await host.accepts(socket, signal)); waitMs = Math.min(waitMs * 1.5, 20)) {
    const isRunning = (await host.services.get(serviceOf(id), signal))?.running === true;
    if (!isRunning || performance.now() > deadline) {
      const words = (await host.readText(clientPaths(root, id).log, signal).catch(() => undefined)) ?? '';
      throw new HostError(`Adminer does not start: ${words.trim().slice(-500)}`, { program: 'php-fpm' });
    }
    await delay(waitMs, undefined, { signal });
  }
}
