import type { Host } from '#runtime/host/host.ts';

/** The directories below the root that hold everything else, with who may enter them. */
export async function prepareHost(host: Host, signal: AbortSignal): Promise<void> {
  const closed = { mode: 0o700, uid: 0, gid: 0 };
  const passable = { mode: 0o711, uid: 0, gid: 0 };
  for (const name of ['run', 'run/php', 'tenants']) await host.makeDirectory(`${host.root}/${name}`, passable, signal);
  for (const name of ['run/pools', 'kept']) await host.makeDirectory(`${host.root}/${name}`, closed, signal);
}
