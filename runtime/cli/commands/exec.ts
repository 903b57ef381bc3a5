import { ExitCode, UsageError, type Stdio, type Terminal } from '#runtime/cli/io.ts';
import type { Session } from '#runtime/cli/session.ts';
import { commandIn, runRemote } from '#runtime/streams/run-remote.ts';

export interface ExecOptions {
  readonly stdin?: boolean;
  readonly tty?: boolean;
}

/** `wcpctl exec DOMAIN -- COMMAND…`: runs a program as the tenant where the Domain is; ends with its exit code. */
export async function execInDomain(session: Session, words: readonly string[], options: ExecOptions): Promise<void> {
  const [domain = '', ...command] = words;
  if (command.length === 0) throw new UsageError(`what is to be run? wcpctl exec ${domain} -- COMMAND`);
  const { io } = session;
  const joined = terminalOf(io.stdio, options);
  const readsInput = options.stdin === true || joined !== undefined;
  joined?.setRaw(true);
  try {
    const exitCode = await runRemote(await session.client(), {
      ...commandIn({ namespace: await session.namespace(), name: domain }, command),
      stdin: readsInput ? io.stdio.stdin : undefined,
      stdout: io.stdio.stdout,
      stderr: io.stdio.stderr,
      terminal: joined,
      signal: io.signal,
    });
    if (exitCode !== 0) throw new ExitCode(exitCode);
  } finally {
    joined?.setRaw(false);
  }
}

export function terminalOf({ terminal }: Stdio, { tty }: Pick<ExecOptions, 'tty'>): Terminal | undefined {
  if (tty !== true) return undefined;
  if (terminal === undefined) throw new UsageError('there is no terminal here to join: leave out --tty');
  return terminal;
}
