import { HostError } from '#runtime/base/errors.ts';
import { runProgram } from '#runtime/host/local/run-program.ts';

const program = '/usr/bin/systemctl';
const defaultTimeoutMs = 60_000;
const maxBytes = 16 * 1024 * 1024;

/** Runs systemctl and gives what it wrote; HostError, with its own words, when it did not do it. */
export async function systemctl(
  argv: readonly string[],
  signal: AbortSignal,
  timeoutMs = defaultTimeoutMs,
): Promise<string> {
  const { exitCode, stdout, stderr } = await runProgram(
    [program, ...argv],
    { timeoutMs, allowFailure: true, maxBytes },
    signal,
  );
  if (exitCode === 0) return stdout;
  throw new HostError(`systemctl ${argv[0]}: ${stderr.trim().slice(0, 500)}`, { program, exitCode });
}
