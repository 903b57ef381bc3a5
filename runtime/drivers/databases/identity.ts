import { posix } from 'node:path';
import type { Host } from '#runtime/host/host.ts';
import type { ServerKeyPair } from './server-host.ts';

/** Where a host's own server reads what it is known by over the network. */
export interface IdentityPlace {
  /** Of the server, below the root of the host. */
  readonly directory: string;
  readonly certificate: string;
  readonly key: string;
  /** Of the server's user, who alone reads it beside root. */
  readonly gid: number;
}

/** Puts it there; also before the server is made. */
export async function placeIdentity(
  host: Host,
  { certificate, key }: ServerKeyPair,
  at: IdentityPlace,
  signal: AbortSignal,
): Promise<void> {
  for (const path of [`${host.root}/databases`, at.directory])
    await host.makeDirectory(path, { mode: 0o711, uid: 0, gid: 0 }, signal);
  await host.makeDirectory(posix.dirname(at.certificate), { mode: 0o750, uid: 0, gid: at.gid }, signal);
  const ownership = { mode: 0o640, uid: 0, gid: at.gid, durable: true };
  await host.replaceFile(at.certificate, certificate, ownership, signal);
  await host.replaceFile(at.key, key, ownership, signal);
}
