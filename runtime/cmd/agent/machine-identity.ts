import { randomBytes } from 'node:crypto';
import type { Host } from '#runtime/host/host.ts';

/** Who this machine is to others that claim its name: 16 hexadecimal digits that stay with what it holds (`<root>/run/machine`), made when the first agent starts there. */
export async function machineIdentity(host: Host, signal: AbortSignal): Promise<string> {
  const path = `${host.root}/run/machine`;
  const known = (await host.readText(path, signal))?.trim();
  if (known !== undefined && /^[0-9a-f]{16}$/.test(known)) return known;
  const identity = randomBytes(8).toString('hex');
  await host.replaceFile(path, `${identity}\n`, { mode: 0o600, uid: 0, gid: 0, durable: true }, signal);
  return identity;
}
