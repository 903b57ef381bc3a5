import { backoffMs, type Backoff } from '#runtime/base/backoff.ts';
import type { Clock } from '#runtime/base/clock.ts';
import { HostError } from '#runtime/base/errors.ts';
import type { Credentials } from './credentials.ts';
import type { Transport, WireAnswer, WireRequest } from './transport.ts';
import { warningsOf } from './warnings.ts';

/** What every call of a client needs. */
export interface Wire {
  readonly transport: Transport;
  readonly credentials: Credentials;
  readonly clock: Clock;
  readonly timeoutMs: number;
  readonly maxBytes: number;
  readonly onWarning: ((text: string) => void) | undefined;
  readonly onAnswer: ((method: string, status: number) => void) | undefined;
}

const readRetry: Backoff = { firstMs: 100, maxMs: 2_000, factor: 3, jitterRatio: 0.3 };
const readTries = 4;
/** As client-go: an overloaded server is asked at most ten times more. */
const busyTries = 10;
const longestBusyWaitMs = 30_000;

/** One exchange, with the retries that are safe: refused for load or for stale credentials (any verb), broken connections (reads only). */
export async function send(wire: Wire, request: Omit<WireRequest, 'timeoutMs'>): Promise<WireAnswer> {
  const timed = { ...request, timeoutMs: wire.timeoutMs };
  return await obeying(wire, timed, async () => {
    for (let attempt = 1; ; attempt++) {
      try {
        return await wire.transport.exchange(timed);
      } catch (err) {
        if (request.method !== 'GET' || attempt >= readTries || !(err instanceof HostError)) throw err;
        await wire.clock.sleep(backoffMs(readRetry, attempt), request.signal);
      }
    }
  });
}

/** Repeats what the server did not carry out: 429 and 503 that say when to come back, and one 401 after the credentials were read anew. */
export async function obeying<A extends Pick<WireAnswer, 'status' | 'headers'>>(
  wire: Wire,
  request: WireRequest,
  once: () => Promise<A>,
): Promise<A> {
  for (let attempt = 1; ; attempt++) {
    const answer = await once();
    wire.onAnswer?.(request.method, answer.status);
    if (wire.onWarning !== undefined) for (const text of warningsOf(answer.headers['warning'])) wire.onWarning(text);
    const waitMs = waitBeforeRepeat(answer, attempt);
    if (waitMs === undefined) return answer;
    if (answer.status === 401) wire.credentials.expire();
    else await wire.clock.sleep(waitMs, request.signal);
  }
}

function waitBeforeRepeat(answer: Pick<WireAnswer, 'status' | 'headers'>, attempt: number): number | undefined {
  if (answer.status === 401) return attempt === 1 ? 0 : undefined;
  if ((answer.status !== 429 && answer.status !== 503) || attempt > busyTries) return undefined;
  // API servers only use the form in seconds.
  const header = answer.headers['retry-after'];
  const seconds = typeof header === 'string' && header !== '' ? Number(header) : Number.NaN;
  return Number.isFinite(seconds) && seconds >= 0 ? Math.min(seconds * 1_000, longestBusyWaitMs) : undefined;
}
