import { HostError } from '#runtime/base/errors.ts';

/** The system's error code (`ENOENT`), or undefined for errors of another kind. */
export function errorCode(err: unknown): string | undefined {
  if (!(err instanceof Error) || !('code' in err)) return undefined;
  return typeof err.code === 'string' ? err.code : undefined;
}

/** Runs a step on `path`: "not there" is `undefined`, every other failure a HostError that names the path. */
export function orAbsent<T>(path: string, step: () => T): T | undefined {
  try {
    return step();
  } catch (err) {
    const code = errorCode(err);
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    throw asHostError(path, err);
  }
}

/** Runs a step on `path`; a failure is a HostError that names the path. */
export function onPath<T>(path: string, step: () => T): T {
  try {
    return step();
  } catch (err) {
    throw asHostError(path, err);
  }
}

/** Keeps a HostError, wraps the system's own. */
export function asHostError(path: string, err: unknown): Error {
  if (err instanceof HostError) return err;
  const code = errorCode(err);
  if (code === undefined) return err instanceof Error ? err : new HostError(String(err), { path });
  const reason = code === 'ELOOP' ? 'is a symbolic link' : (err as Error).message;
  return new HostError(`"${path}": ${reason}`, { path }, { cause: err });
}
