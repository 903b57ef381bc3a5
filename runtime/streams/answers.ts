import type { ServerResponse } from 'node:http';
import { ApiError, RefusedError, Wcp360Error } from '#runtime/base/errors.ts';

export function answerJson(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(`${JSON.stringify(body)}\n`);
}

/** What a client is told: why, where that is for the client to know or to change. */
export function asApiError(err: unknown): ApiError {
  if (err instanceof ApiError) return err;
  if (err instanceof RefusedError) return new ApiError(409, 'Conflict', err.message, { cause: err });
  const message = err instanceof Wcp360Error ? err.message : 'Internal error occurred';
  return new ApiError(500, 'InternalError', message, { cause: err });
}

/** An error as Kubernetes clients read it; an answer that has begun can only be cut off. */
export function answerStatus(response: ServerResponse, err: ApiError): void {
  if (response.headersSent) {
    response.destroy();
    return;
  }
  const { status: code, reason, message } = err;
  const { retryAfterSeconds, name, group, kind } = err.details;
  if (retryAfterSeconds !== undefined) response.setHeader('retry-after', String(retryAfterSeconds));
  const details = { name, group, kind, retryAfterSeconds };
  answerJson(response, code, {
    kind: 'Status',
    apiVersion: 'v1',
    metadata: {},
    status: 'Failure',
    message,
    reason,
    details,
    code,
  });
}
