import { pipeline } from 'node:stream/promises';
import { parseDurationFlag } from '#runtime/cli/duration-flag.ts';
import { UsageError } from '#runtime/cli/io.ts';
import type { Session } from '#runtime/cli/session.ts';
import { streamPath } from '#schemas/meta/streams.ts';

export interface LogsOptions {
  readonly follow?: boolean;
  readonly since?: string;
  readonly tail?: string;
  readonly type?: string;
}

/** `wcpctl logs DOMAIN`: prints as it comes, until the end or an interrupt. */
export async function showLogs(session: Session, name: string, options: LogsOptions): Promise<void> {
  const { io } = session;
  const path = streamPath({ resource: 'domains', subresource: 'log', namespace: await session.namespace(), name });
  // A site may have no visitor for as long as it likes.
  const lines = (await session.client()).stream(`${path}?${queryOf(options)}`, { signal: io.signal, silenceMs: 0 });
  try {
    await pipeline(lines, io.stdio.stdout, { end: false, signal: io.signal });
  } catch (err) {
    if (!io.signal.aborted) throw err;
  }
}

function queryOf({ follow, since, tail, type }: LogsOptions): string {
  if (type !== undefined && !['access', 'error'].includes(type))
    throw new UsageError(`--type ${type}: a Domain has the logs access and error`);
  if (tail !== undefined && !/^\d{1,9}$/u.test(tail)) throw new UsageError(`--tail ${tail}: is a number of lines`);
  const query = new URLSearchParams();
  if (follow === true) query.set('follow', 'true');
  if (since !== undefined) query.set('sinceSeconds', String(Math.ceil(parseDurationFlag('--since', since) / 1_000)));
  if (tail !== undefined) query.set('tailLines', tail);
  if (type !== undefined) query.set('type', type);
  return query.toString();
}
