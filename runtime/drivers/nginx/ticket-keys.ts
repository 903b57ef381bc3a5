import { randomBytes } from 'node:crypto';
import type { FileOwnership, Host } from '#runtime/host/host.ts';

const ownership: FileOwnership = { mode: 0o600, uid: 0, gid: 0 };

/** The keys with which nginx' master seals sessions of TLS: the first seals, both open. */
function ticketKeyPaths(root: string): readonly [string, string] {
  return [`${root}/front/ticket.key`, `${root}/front/ticket-before.key`];
}

/** Makes those that are not there. */
export async function makeTicketKeys(host: Host, signal: AbortSignal): Promise<void> {
  for (const path of ticketKeyPaths(host.root)) {
    if ((await host.facts(path, signal)) === undefined) await host.replaceFile(path, newTicketKey(), ownership, signal);
  }
}

/**
 * Replaces the key that seals when it is older than `maxAgeMs`, and has nginx reload: whoever gets hold of a key can read what was said in the time of two.
 * True when it did.
 */
export async function rotateTicketKeys(host: Host, maxAgeMs: number, signal: AbortSignal): Promise<boolean> {
  const [current, before] = ticketKeyPaths(host.root);
  const facts = await host.facts(current, signal);
  if (facts === undefined || Date.now() - facts.modifiedMs < maxAgeMs) return false;
  await host.replaceFile(before, (await host.readText(current, signal)) ?? newTicketKey(), ownership, signal);
  await host.replaceFile(current, newTicketKey(), ownership, signal);
  if ((await host.services.get('nginx', signal))?.running === true) await host.services.signal('nginx', 'SIGHUP');
  return true;
}

/** nginx takes 80 bytes: a name, 32 for the mark and 32 for the cipher. Letters carry 6 bits each, so that of both 192 are random. */
function newTicketKey(): string {
  return randomBytes(60).toString('base64');
}
