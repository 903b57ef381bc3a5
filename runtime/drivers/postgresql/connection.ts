import type { Duplex } from 'node:stream';
import { types } from 'pg';
import { HostError } from '#runtime/base/errors.ts';
import { guarded } from '#runtime/drivers/databases/guarded.ts';
import { enterServer, type Entrance, type ServerHost } from '#runtime/drivers/databases/server-host.ts';
import { postgresqlFraming } from './framing.ts';
import { securely } from './relay.ts';

/** A connection that stands, for the library, and as whom to log in. */
export interface Connected {
  readonly stream: Duplex;
  readonly login: { readonly user: string; readonly password?: string };
}

export const connectTimeoutMs = 10_000;

/** HostError when nobody answers, or another one than it should be: then nothing was said to it. */
export async function connect(host: ServerHost, signal: AbortSignal): Promise<Connected> {
  const entrance = await enterServer(host, signal);
  const { username: user, password } = entrance;
  const login = { user, ...(password === undefined ? {} : { password }) };
  return { stream: dressed(await spoken(entrance, host.server, signal)), login };
}

/** Over TLS, and guarded, unless it is a socket of this machine. */
async function spoken({ stream, tls }: Entrance, server: string, signal: AbortSignal): Promise<Duplex> {
  if (tls === undefined) return stream;
  const limit = AbortSignal.timeout(connectTimeoutMs);
  try {
    return guarded(await securely({ stream, tls }, AbortSignal.any([signal, limit])), postgresqlFraming, server);
  } catch (err) {
    stream.destroy();
    signal.throwIfAborted();
    const words = limit.aborted ? 'it says nothing' : err instanceof Error ? err.message : String(err);
    throw new HostError(`DatabaseServer ${server}: ${words}`, {}, { cause: err });
  }
}

/** As the library wants its sockets: it connects them itself. */
function dressed(stream: Duplex): Duplex {
  return Object.assign(stream, {
    setNoDelay: () => stream,
    connect: () => queueMicrotask(() => stream.emit('connect')),
    ref: () => stream,
    unref: () => stream,
  });
}

/** Numbers of types that are more than a text to us: bool, int2, int4, oid, json, text[], jsonb. */
const parsed: ReadonlySet<number> = new Set([16, 21, 23, 26, 114, 1009, 3802]);

/** How values are read: the library would read times by patterns that a long text holds up for hours. */
export const valueTypes = {
  getTypeParser: (type: number) =>
    parsed.has(type) ? (types.getTypeParser(type) as (text: string) => unknown) : String,
};
