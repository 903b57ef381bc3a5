import { spawn, type ChildProcess } from 'node:child_process';
import { readFileSync } from 'node:fs';
import type { Readable, Writable } from 'node:stream';
import { HostError } from '#runtime/base/errors.ts';
import type { SandboxSeat, TenantProcess, TenantProcesses, TerminalSize } from '#runtime/host/tenant-processes.ts';
import { signalGroup } from './process-group.ts';
import { apartWords } from './systemd/apart.ts';
import { accountTexts, carried, givingBack, tenantSandbox } from '#runtime/host/tenant-sandbox.ts';

/** File descriptors that the sandbox is given beside stdin, stdout and stderr; the next one brings sizes to terminal.pl. */
const passwdFd = 3;
const groupFd = 4;

/** `systemd`: each as a unit in the tenant's slice; `supervisor`: nobody enforces limits. */
export function openTenantProcesses(services: 'supervisor' | 'systemd'): TenantProcesses {
  const terminalProgram = readFileSync(new URL('./terminal/terminal.pl', import.meta.url), 'utf8');
  return {
    start: (seat, argv, { terminal, variables } = {}) => {
      const onTerminal = terminal === undefined ? [] : ['/usr/bin/perl', '-e', terminalProgram, '--'];
      const program = [...onTerminal, ...(variables === undefined ? [] : givingBack), ...argv];
      const environment = { ...environmentOf(seat), ...carried(variables ?? {}) };
      const place = services === 'systemd' ? apartWords(seat.slice) : [];
      const words = [...place, ...accountWords(seat), ...sandboxWords(seat), ...program];
      return processOf(launch(words, environment), seat, terminal);
    },
  };
}

function accountWords({ uid, copyingGid = uid }: SandboxSeat): readonly string[] {
  return ['/usr/bin/setpriv', `--reuid=${uid}`, `--regid=${copyingGid}`, '--clear-groups', '--no-new-privs', '--'];
}

function sandboxWords(seat: SandboxSeat): readonly string[] {
  const { tree, isOffline = false, isReadOnly, sockets = [], workingDirectory, copyingGid } = seat;
  return tenantSandbox({
    ...(tree === undefined ? {} : { tree }),
    isOffline,
    isReadOnly,
    sockets,
    accounts: ['--ro-bind-data', `${passwdFd}`, '/etc/passwd', '--ro-bind-data', `${groupFd}`, '/etc/group'],
    more: [
      ...['--die-with-parent', '--chdir', workingDirectory],
      // In a user name space of one user and one group it is good for their files alone.
      ...(copyingGid === undefined ? [] : ['--cap-add', 'CAP_DAC_READ_SEARCH']),
    ],
  });
}

function launch(words: readonly string[], env: Readonly<Record<string, string>>): ChildProcess {
  const [program = '', ...args] = words;
  // Whatever the agent's own is: files that people bring are for the web front to read.
  const umask = process.umask(0o022);
  try {
    const child = spawn(program, args, {
      cwd: '/',
      env,
      stdio: ['pipe', 'pipe', 'pipe', 'pipe', 'pipe', 'pipe'],
      // A group of its own, by which it ends as a whole: while a sandbox is being built, its inner process is not bound to the outer one yet.
      detached: true,
    });
    child.on('error', () => undefined);
    if (child.pid !== undefined) return child;
  } catch (err) {
    // Of some failures (E2BIG, EMFILE) no event tells.
    throw new HostError(`${program} could not be started`, { program }, { cause: err });
  } finally {
    process.umask(umask);
  }
  throw new HostError(`${program} could not be started`, { program });
}

/** Ours only: it is also that of the programs that build the sandbox. */
function environmentOf({ tree = '/' }: SandboxSeat): Readonly<Record<string, string>> {
  return {
    PATH: '/usr/local/bin:/usr/bin:/bin',
    HOME: tree,
    LANG: 'C.UTF-8',
    TERM: 'xterm-256color',
    SHELL: '/bin/bash',
  };
}

function processOf(child: ChildProcess, seat: SandboxSeat, terminal: TerminalSize | undefined): TenantProcess {
  const [stdin, stdout, stderr, passwd, group, sizes] = child.stdio as unknown as readonly [
    Writable,
    Readable,
    Readable,
    Writable,
    Writable,
    Writable,
  ];
  // A program that does not read what it is given ends the pipe: that is its own affair.
  for (const pipe of [stdin, passwd, group, sizes]) pipe.on('error', () => undefined);
  const account = accountTexts({ ...seat, home: seat.tree ?? '/' });
  passwd.end(account.passwd);
  group.end(account.group);
  const resize = ({ columns, rows }: TerminalSize): void => void sizes.write(`${columns} ${rows}\n`);
  if (terminal === undefined) sizes.end();
  else resize(terminal);
  return {
    stdin,
    stdout,
    stderr,
    ended: new Promise((resolve) => child.on('close', (code) => resolve(code ?? 128 + 9))),
    resize: terminal === undefined ? () => undefined : resize,
    kill: () => {
      signalGroup(child, 'SIGKILL');
      // Whoever does not read on must not keep the end from being seen.
      for (const pipe of child.stdio) pipe?.destroy();
    },
  };
}
