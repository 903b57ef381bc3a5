import { Command, CommanderError, Option } from 'commander';
import { clusterCommands } from './commands/declared/cluster.ts';
import { hostingCommands } from './commands/declared/hosting.ts';
import { readCommands } from './commands/declared/read.ts';
import { writeCommands } from './commands/declared/write.ts';
import type { Declare } from './commands/declared/declare.ts';
import { reportFailure } from './exit.ts';
import type { Io } from './io.ts';
import { openSession, type GlobalFlags, type Session } from './session.ts';

/** Runs one command line; the exit code. Commands are loaded when they are called, so that the others cost nothing. */
export async function runCli(argv: readonly string[], io: Io): Promise<number> {
  const program = buildProgram(io);
  try {
    await program.parseAsync([...argv], { from: 'user' });
    return 0;
  } catch (err) {
    return err instanceof CommanderError ? err.exitCode : reportFailure(io, err);
  }
}

/** The whole command tree; completion reads it, too. */
export function buildProgram(io: Io): Command {
  const program = new Command('wcpctl')
    .description('Controls WCP360: tenants, domains and everything they own, as resources.')
    .configureOutput({ writeOut: (text) => io.out(text), writeErr: (text) => io.err(text) })
    .exitOverride()
    .showSuggestionAfterError()
    .enablePositionalOptions(false);
  for (const option of globalOptions()) program.addOption(option);
  const declare: Declare = (words, run) => {
    const [name = '', ...args] = words.split(' ');
    const command = new Command(name).copyInheritedSettings(program);
    for (const arg of args) command.argument(arg);
    for (const option of globalOptions()) command.addOption(option.hideHelp());
    command.action(async () => {
      const flags = { ...program.opts(), ...command.opts() } as GlobalFlags;
      await withSession(io, flags, (session) => run(session, command.args, command.opts()));
    });
    return command;
  };
  const commands = [
    ...readCommands(declare),
    ...writeCommands(declare),
    ...hostingCommands(declare),
    ...clusterCommands(declare, () => program),
  ];
  for (const command of commands) program.addCommand(command);
  return program;
}

/** kubectl's names for what every command takes; they may stand before or after the command. */
function globalOptions(): readonly Option[] {
  return [
    new Option('--kubeconfig <file>', 'kubeconfig to use instead of $KUBECONFIG'),
    new Option('--context <name>', 'context of the kubeconfig'),
    new Option('-n, --namespace <name>', 'namespace to work in'),
    new Option('--as <user>', 'act as this user'),
    new Option('--as-group <group...>', 'act as a member of this group; may be repeated'),
  ];
}

async function withSession(io: Io, flags: GlobalFlags, run: (session: Session) => Promise<void>): Promise<void> {
  const session = openSession(io, flags);
  try {
    await run(session);
  } finally {
    await session.close();
  }
}
