import { posix } from 'node:path';
import { mariadbPaths } from '#runtime/drivers/mariadb/index.ts';
import { socketDirectory } from '#runtime/drivers/postgresql/index.ts';
import type { Host } from '#runtime/host/host.ts';

const closed = { mode: 0o700, uid: 0, gid: 0 };
const passable = { mode: 0o711, uid: 0, gid: 0 };

/** The directories below the root that hold everything else, with who may enter them. */
export async function prepareHost(host: Host, signal: AbortSignal): Promise<void> {
  const { root } = host;
  for (const name of ['run', 'run/php', 'tenants', 'databases'])
    await host.makeDirectory(`${root}/${name}`, passable, signal);
  for (const name of ['run/pools', 'kept']) await host.makeDirectory(`${root}/${name}`, closed, signal);
  await prepareSockets(host, signal);
}

/** Where the sockets of database servers are. Programs of tenants are shown these directories when they start, which may be before a server does. */
async function prepareSockets(host: Host, signal: AbortSignal): Promise<void> {
  const { postgresql, mariadb } = await host.capabilities(signal);
  const wanted = [
    [postgresql?.account, socketDirectory(host.root)],
    [mariadb, mariadbPaths(host.root).run],
  ] as const;
  for (const [server, directory] of wanted) {
    if (server === undefined) continue;
    await host.makeDirectory(posix.dirname(directory), passable, signal);
    await host.makeDirectory(directory, { mode: 0o755, uid: server.uid, gid: server.gid }, signal);
  }
}
