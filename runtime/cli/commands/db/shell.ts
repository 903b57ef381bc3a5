import { terminalOf } from '#runtime/cli/commands/exec.ts';
import { ExitCode } from '#runtime/cli/io.ts';
import type { Session } from '#runtime/cli/session.ts';
import { runRemote } from '#runtime/streams/run-remote.ts';
import { databaseTarget, type DatabaseOptions } from './database-run.ts';

/** `wcpctl db shell DATABASE`: the engine's own client, on this terminal or fed by standard input; ends with its exit code. */
export async function databaseShell(session: Session, name: string, options: DatabaseOptions): Promise<void> {
  const { io } = session;
  const joined = terminalOf(io.stdio, { tty: io.stdio.terminal !== undefined });
  joined?.setRaw(true);
  try {
    const exitCode = await runRemote(await session.client(), {
      ...(await databaseTarget(session, name, { ...options, subresource: 'shell' })),
      ...io.stdio,
      terminal: joined,
      signal: io.signal,
    });
    if (exitCode !== 0) throw new ExitCode(exitCode);
  } finally {
    joined?.setRaw(false);
  }
}
