import { readFile } from 'node:fs/promises';

/** A TCP connection of this machine over IPv4, by its ports. */
export interface ProbedConnection {
  readonly local: number;
  readonly remote: number;
}

const keepAliveTimer = '02';
const ticksPerSecond = 100;

/** Connections on which the kernel is going to ask within so many seconds whether the other end is still there. */
export async function probedConnections(withinSeconds: number): Promise<readonly ProbedConnection[]> {
  const rows = (await readFile('/proc/self/net/tcp', 'utf8')).split('\n').map((row) => row.trim().split(/\s+/u));
  return rows.flatMap(([, local = '', remote = '', , , timer = '']) => {
    const [kind, ticks = ''] = timer.split(':');
    const isProbed = kind === keepAliveTimer && Number.parseInt(ticks, 16) <= withinSeconds * ticksPerSecond;
    return isProbed ? [{ local: portOf(local), remote: portOf(remote) }] : [];
  });
}

function portOf(address: string): number {
  return Number.parseInt(address.slice(address.indexOf(':') + 1), 16);
}
