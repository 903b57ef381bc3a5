import { RefusedError } from '#runtime/base/errors.ts';
import type { ServerWay } from '#runtime/drivers/databases/programs.ts';
import { machineOf, type ServerHost } from '#runtime/drivers/databases/server-host.ts';

/**
 * How programs come to a server that hand over a password, or all of a database: nothing is said to another one than is meant. RefusedError `DumpUnfit` where they
 * could not tell, since they look for the name that they come by alone.
 */
export async function provenWay(host: ServerHost, signal: AbortSignal): Promise<ServerWay> {
  const { way, server } = host;
  const { tls } = await host.administrator(signal);
  if (!('host' in way) || tls === undefined) return way;
  if (tls.name !== way.host) {
    const message = `The programs of MariaDB come to DatabaseServer ${server} by ${way.host}, and its certificate is for ${tls.name}: give it an address with that name.`;
    throw new RefusedError('DumpUnfit', message);
  }
  if (tls.authorities === undefined) return { ...way, proof: {} };
  const { root, makeDirectory, replaceFile } = machineOf(host);
  const directory = `${root}/databases/authorities`;
  const authorities = `${directory}/${server}.crt`;
  for (const each of [`${root}/databases`, directory]) await makeDirectory(each, passable, signal);
  await replaceFile(authorities, tls.authorities, { mode: 0o644, uid: 0, gid: 0 }, signal);
  return { ...way, proof: { authorities } };
}

const passable = { mode: 0o711, uid: 0, gid: 0 } as const;
