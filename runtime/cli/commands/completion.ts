import type { Command } from 'commander';
import { UsageError, type Io } from '#runtime/cli/io.ts';
import type { Session } from '#runtime/cli/session.ts';
import { listAll } from './get.ts';

/** Each script asks `wcpctl __complete -- WORDS…`, the last word being the one under the cursor; a candidate a line. */
const scripts: Readonly<Record<string, string>> = {
  bash: `_wcpctl() {
  local IFS=$'\\n'
  COMPREPLY=($(wcpctl __complete -- "\${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null))
}
complete -o default -F _wcpctl wcpctl
`,
  zsh: `#compdef wcpctl
_wcpctl() {
  local -a candidates
  candidates=("\${(@f)$(wcpctl __complete -- "\${(@)words[2,CURRENT]}" 2>/dev/null)}")
  compadd -a candidates
}
compdef _wcpctl wcpctl
`,
  fish: `complete -c wcpctl -f -a '(set -l words (commandline -opc) (commandline -ct); wcpctl __complete -- $words[2..-1] 2>/dev/null)'
`,
};

/** Prints the script that a shell evaluates: `. <(wcpctl completion bash)`. */
export async function completionScript(io: Io, shell: string): Promise<void> {
  const script = scripts[shell];
  if (script === undefined) throw new UsageError(`no completion for "${shell}": ${Object.keys(scripts).join(', ')}`);
  io.out(script);
}

/** Candidates for the last of `words`: commands, flags, types, names of objects. Silent when the server does not answer. */
export async function complete(session: Session, program: Command, words: readonly string[]): Promise<void> {
  const typed = words.at(-1) ?? '';
  const before = words.slice(0, -1).filter((word) => !word.startsWith('-'));
  const command = descend(program, before);
  const candidates = typed.startsWith('-')
    ? flagsOf(command)
    : command.commands.length > 0
      ? command.commands.map((each) => each.name()).filter((name) => !name.startsWith('__'))
      : await argumentsOf(session, command, before);
  const fitting = candidates.filter((candidate) => candidate.startsWith(typed));
  session.io.out(fitting.map((candidate) => `${candidate}\n`).join(''));
}

function descend(command: Command, words: readonly string[]): Command {
  const [word, ...rest] = words;
  const next = command.commands.find((each) => each.name() === word);
  return next === undefined ? command : descend(next, rest);
}

function flagsOf(command: Command): readonly string[] {
  return command.options.flatMap(({ long, hidden }) => (long === undefined || long === null || hidden ? [] : [long]));
}

const typeArguments = /^TYPE/;
/** Kinds whose names an argument takes. */
const namedArguments: Readonly<Record<string, string>> = {
  NAME: 'tenants.hosting.wcp360.io',
  HOST: 'hosts.hosting.wcp360.io',
  DOMAIN: 'domains.hosting.wcp360.io',
  ZONE: 'zones.hosting.wcp360.io',
};

async function argumentsOf(session: Session, command: Command, before: readonly string[]): Promise<readonly string[]> {
  const [argument] = command.registeredArguments;
  if (argument === undefined) return [];
  const named = namedArguments[argument.name()];
  if (named !== undefined) return namesOf(session, named);
  if (!typeArguments.test(argument.name())) return [];
  const type = before.at(-1);
  const mapper = await session.mapper();
  if (type === undefined || type === command.name())
    return mapper.resources.filter(({ verbs }) => verbs.includes('list')).map(({ resource }) => resource);
  return namesOf(session, type);
}

async function namesOf(session: Session, word: string): Promise<readonly string[]> {
  const type = (await session.mapper()).named(word);
  const objects = await listAll(await session.client(), type, {
    namespace: type.namespaced ? await session.namespace() : undefined,
  });
  return objects.map(({ metadata }) => metadata.name);
}
