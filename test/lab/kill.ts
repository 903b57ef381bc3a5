import { required } from '#runtime/base/errors.ts';

/** Sends a signal to one process, or to the group that it leads. A pid that nobody has is a fault of the test, and never 0: that would be the group of whoever runs the tests. */
export function killProcess(
  pid: number | string | undefined,
  signal: NodeJS.Signals = 'SIGKILL',
  isWholeGroup = false,
): void {
  const known = required(Number(pid) > 1 ? Number(pid) : undefined, `the process to be killed, ${String(pid)},`);
  process.kill(isWholeGroup ? -known : known, signal);
}
