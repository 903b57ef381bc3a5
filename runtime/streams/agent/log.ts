import { pipeline } from 'node:stream/promises';
import { ApiError } from '#runtime/base/errors.ts';
import type { StreamCall, StreamRequest, StreamSeat } from './stream-call.ts';
import { idleGuard, noting } from './idle.ts';
import { selectLines } from './select-lines.ts';

const types = ['access', 'error'] as const;

/** What is asked of a log: names as `kubectl logs` has them, and which of a Domain's logs. */
interface LogQuestion {
  readonly paths: readonly string[];
  readonly follow: boolean;
  /** Lines from the end of each; all when undefined. */
  readonly tail: number | undefined;
  readonly sinceMs: number | undefined;
}

/**
 * Answers with lines of a Domain's logs as they are written. `tail` reads them as the tenant in its sandbox, since what the tenant may read it may be shown,
 * and through which name is then of no matter.
 */
export async function serveLog(call: StreamCall<StreamSeat>, { response }: StreamRequest): Promise<void> {
  const question = questionOf(call);
  const process = call.processes.start(call.seat, tailCommand(question));
  const guard = idleGuard(call.idleMs, () => response.destroy());
  const stop = (): void => process.kill();
  response.on('close', stop);
  process.stdin.end();
  // That a log is not there yet is no news.
  process.stderr.resume();
  response.writeHead(200, { 'content-type': 'text/plain; charset=utf-8' });
  response.flushHeaders();
  try {
    await pipeline(process.stdout, noting(guard), selecting(question.sinceMs), response);
  } catch {
    // The client has left, or the process was ended: nobody is there to be told.
    response.destroy();
  } finally {
    guard.end();
    process.kill();
    await process.ended;
  }
}

function questionOf({ query, seat }: StreamCall<StreamSeat>): LogQuestion {
  const type = query.get('type');
  const wanted = types.filter((each) => type === null || type === each);
  if (wanted.length === 0) throw new ApiError(400, 'BadRequest', `type is one of ${types.join(', ')}`);
  const sinceSeconds = numberOf(query, 'sinceSeconds');
  return {
    paths: wanted.map((each) => seat.logs[each]),
    follow: query.get('follow') === 'true',
    tail: numberOf(query, 'tailLines'),
    sinceMs: sinceSeconds === undefined ? undefined : Date.now() - sinceSeconds * 1_000,
  };
}

function numberOf(query: URLSearchParams, name: string): number | undefined {
  const text = query.get(name);
  if (text === null) return undefined;
  if (!/^\d{1,9}$/u.test(text)) throw new ApiError(400, 'BadRequest', `${name} is a whole number`);
  return Number(text);
}

function tailCommand({ paths, follow, tail }: LogQuestion): readonly string[] {
  const lines = tail === undefined ? '+1' : String(tail);
  return [
    '/usr/bin/tail',
    '--quiet',
    `--lines=${lines}`,
    ...(follow ? ['--follow=name', '--retry'] : []),
    '--',
    ...paths,
  ];
}

function selecting(sinceMs: number | undefined) {
  return (source: AsyncIterable<Buffer>): AsyncIterable<Buffer> =>
    sinceMs === undefined ? source : selectLines(source, sinceMs);
}
