import { ApiError } from '#runtime/base/errors.ts';
import type { RawRequest } from './exchange.ts';

/** The largest body of any request, as kube-apiserver has it. */
const maxBodyBytes = 3 * 1024 * 1024;

const empty = Buffer.alloc(0);

/** Reads the whole body; 413 beyond the limit, 400 when the client breaks off. The media type plays no part, so a body without one is read too. */
export function readBody(request: RawRequest): Promise<Buffer> {
  if (Number(request.headers['content-length'] ?? 0) > maxBodyBytes) return Promise.reject(tooLarge());
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let bytes = 0;
    let ended = false;
    request.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes <= maxBodyBytes) chunks.push(chunk);
      else reject(tooLarge());
    });
    request.on('end', () => {
      ended = true;
      const [first = empty] = chunks;
      resolve(chunks.length <= 1 ? first : Buffer.concat(chunks, bytes));
    });
    request.on('error', (err) => reject(brokenOff(err)));
    request.on('close', () => {
      if (!ended) reject(brokenOff());
    });
  });
}

function tooLarge(): ApiError {
  return new ApiError(413, 'RequestEntityTooLarge', `Request entity too large: limit is ${maxBodyBytes}`);
}

function brokenOff(cause?: unknown): ApiError {
  return new ApiError(400, 'BadRequest', 'the request body ended early', { cause });
}
