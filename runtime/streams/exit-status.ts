import { ApiError } from '#runtime/base/errors.ts';
import { isRecord } from '#runtime/base/json.ts';
import { errorOfStatus } from '#runtime/client/status-error.ts';

const nonZero = 'NonZeroExitCode';

/** How a program ended, as `kubectl exec` reads it. */
export function exitStatus(exitCode: number): object {
  const head = { kind: 'Status', apiVersion: 'v1', metadata: {} };
  if (exitCode === 0) return { ...head, status: 'Success' };
  return {
    ...head,
    status: 'Failure',
    reason: nonZero,
    message: `command terminated with non-zero exit code: ${exitCode}`,
    details: { causes: [{ reason: 'ExitCode', message: String(exitCode) }] },
  };
}

/** The exit code that a Status tells; ApiError for another end. */
export function exitCodeOf(text: string): number {
  const status: unknown = JSON.parse(text);
  if (!isRecord(status)) throw new ApiError(500, 'InternalError', 'the server did not say how the program ended');
  if (status['status'] === 'Success') return 0;
  const err = errorOfStatus(status);
  const code = err.faults.find(({ reason }) => reason === 'ExitCode')?.message;
  if (err.reason !== nonZero || code === undefined) throw err;
  return Number(code);
}
