import { ApiError } from '#runtime/base/errors.ts';
import type { RawRequest } from './exchange.ts';

/** The largest body of any request, as kube-apiserver has it. */
const maxBodyBytes = 3 * 1024 * 1024;

/** As kube-apiserver. */
const patienceSeconds = 60;

const empty = Buffer.alloc(0);

/**
 * Reads the whole body; 413 beyond the limit, 400 when the client breaks off, 504 when it takes more than a minute, the signal's reason when that aborts.
 * The media type plays no part, so a body without one is read too.
 */
export function readBody(request: RawRequest, signal?: AbortSignal): Promise<Buffer> {
  if (Number(request.headers['content-length'] ?? 0) > maxBodyBytes) return Promise.reject(tooLarge());
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let bytes = 0;
    let ended = false;
    const keep = (chunk: Buffer): void => {
      bytes += chunk.length;
      if (bytes <= maxBodyBytes) chunks.push(chunk);
      else giveUp(tooLarge());
    };
    const giveUp = (err: unknown): void => {
      clearTimeout(timer);
      // What else comes is let go.
      request.off('data', keep);
      chunks.length = 0;
      reject(err);
    };
    const timer = setTimeout(() => giveUp(tooSlow()), patienceSeconds * 1_000);
    signal?.addEventListener('abort', () => giveUp(signal.reason), { once: true });
    request.on('data', keep);
    request.on('end', () => {
      ended = true;
      clearTimeout(timer);
      const [first = empty] = chunks;
      resolve(chunks.length <= 1 ? first : Buffer.concat(chunks, bytes));
    });
    request.on('error', (err) => giveUp(brokenOff(err)));
    request.on('close', () => {
      if (!ended) giveUp(brokenOff());
    });
  });
}

function tooLarge(): ApiError {
  return new ApiError(413, 'RequestEntityTooLarge', `Request entity too large: limit is ${maxBodyBytes}`);
}

function tooSlow(): ApiError {
  return new ApiError(504, 'Timeout', `the request body did not come within ${patienceSeconds} s`);
}

function brokenOff(cause?: unknown): ApiError {
  return new ApiError(400, 'BadRequest', 'the request body ended early', { cause });
}
