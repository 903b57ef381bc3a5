import { ApiError, HostError, InvalidError, Wcp360Error } from '#runtime/base/errors.ts';
import { ExitCode, UsageError, type Io } from './io.ts';
import { ManifestError } from '#runtime/manifests/manifest.ts';

/** Writes what went wrong to stderr in kubectl's form, and gives the exit code. */
export function reportFailure(io: Io, err: unknown): number {
  if (err instanceof ExitCode) return err.exitCode;
  io.err(`${messageOf(err)}\n`);
  return 1;
}

function messageOf(err: unknown): string {
  if (err instanceof ManifestError)
    return err.faults.map(({ source, message }) => `error: ${source.file}:${source.line}: ${message}`).join('\n');
  if (err instanceof UsageError) return `error: ${err.message}`;
  if (err instanceof ApiError) return apiMessage(err);
  if (err instanceof InvalidError) return `error: ${err.message}`;
  if (err instanceof HostError) return `error: ${err.message}${causeOf(err)}`;
  if (err instanceof Wcp360Error || err instanceof Error) return `error: ${err.message}`;
  return `error: ${String(err)}`;
}

function apiMessage(err: ApiError): string {
  if (err.status === 401) return 'error: You must be logged in to the server (Unauthorized)';
  if (err.reason === 'Invalid' && err.faults.length > 1) {
    return [
      `${err.message.split(':')[0] ?? ''}:`,
      ...err.faults.map(({ field, message }) => `* ${field}: ${message}`),
    ].join('\n');
  }
  return `Error from server${err.reason === '' ? '' : ` (${err.reason})`}: ${err.message}`;
}

function causeOf(err: HostError): string {
  return err.cause instanceof Error ? `: ${err.cause.message}` : '';
}
