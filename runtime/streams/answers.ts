import type { ServerResponse } from 'node:http';
import type { ApiError } from '#runtime/base/errors.ts';

export function answerJson(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(`${JSON.stringify(body)}\n`);
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
