import { randomBytes } from 'node:crypto';
import { quicKeyPath, ticketKeyPaths, type FrontSettings } from './front-settings.ts';
import type { FileOwnership, Host } from '#runtime/host/host.ts';

const ownership: FileOwnership = { mode: 0o600, uid: 0, gid: 0 };

/** Makes those that are needed and not there, and removes those that are not needed. */
export async function makeFrontKeys(
  host: Host,
  { http3 }: Pick<FrontSettings, 'http3'>,
  signal: AbortSignal,
): Promise<void> {
  const tickets = ticketKeyPaths(host.root);
  const quic = [quicKeyPath(host.root)];
  for (const path of http3 ? quic : tickets) {
    if ((await host.facts(path, signal)) === undefined) await host.replaceFile(path, newKey(), ownership, signal);
  }
  for (const path of http3 ? tickets : quic) await host.removeFile(path, signal);
}

/**
 * Replaces the key that seals when it is older than `maxAgeMs`, and has nginx reload: whoever gets hold of a key can read what was said in the time of two.
 * True when it did; never where there are none, because nginx replaces its own.
 */
export async function rotateTicketKeys(host: Host, maxAgeMs: number, signal: AbortSignal): Promise<boolean> {
  const [current, before] = ticketKeyPaths(host.root);
  const facts = await host.facts(current, signal);
  if (facts === undefined || Date.now() - facts.modifiedMs < maxAgeMs) return false;
  await host.replaceFile(before, (await host.readText(current, signal)) ?? newKey(), ownership, signal);
  await host.replaceFile(current, newKey(), ownership, signal);
  if ((await host.services.get('nginx', signal))?.running === true) await host.services.signal('nginx', 'SIGHUP');
  return true;
}

/** For sessions nginx takes 80 bytes: a name, 32 for the mark and 32 for the cipher. Letters carry 6 bits each, so that of both 192 are random. */
function newKey(): string {
  return randomBytes(60).toString('base64');
}
