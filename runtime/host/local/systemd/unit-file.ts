import { BugError } from '#runtime/base/errors.ts';
import type { ServiceUnit } from '#runtime/host/host.ts';
import { hashUnit } from '#runtime/host/local/unit-hash.ts';

/**
 * Run as the service's user: takes the environment from stdin, all of it and nothing else, and becomes the service. So no program of root ever sees what a
 * tenant may put there (LD_PRELOAD), and no manager's rules for quoting apply. Constant.
 */
const enter = String.raw`
  (undef, undef, my @variables) = split /\0/, join("", <STDIN>);
  open(STDIN, "<", "/dev/null");
  %ENV = map { split /=/, $_, 2 } @variables;
  exec { $ARGV[0] } @ARGV;
  die "$ARGV[0]: $!\n"`;

/** Files that systemd opens for a unit: its private part, and another name of its `logPath`. */
export interface UnitResources {
  readonly privatePart: string;
  readonly log: string | undefined;
}

/**
 * A unit file of systemd.service(5), for everybody to read. Every value is either a number, a word from a closed set, or quoted so that it can only ever
 * be one value: no newline, specifier (`%`) or variable (`$`) of an argument is left to systemd.
 */
export function renderUnit(unit: ServiceUnit, { privatePart, log }: UnitResources): string {
  const output = log === undefined ? 'null' : `append:${plainPath(log)}`;
  const command = [...rightsOf(unit), '/usr/bin/perl', '-e', enter, '--', ...unit.command];
  return [
    '[Unit]',
    `Description=wcp360 ${plainWord(unit.name)}`,
    'CollectMode=inactive-or-failed',
    'StartLimitIntervalSec=0',
    '[Service]',
    'Type=exec',
    `ExecStart=${command.map(quotedArgument).join(' ')}`,
    `WorkingDirectory=${plainPath(unit.workingDirectory ?? '/')}`,
    ...(isPlainUser(unit) ? ['NoNewPrivileges=yes', 'CapabilityBoundingSet=CAP_SETUID CAP_SETGID'] : []),
    `StandardInput=file:${plainPath(privatePart)}`,
    `StandardOutput=${output}`,
    `StandardError=${output}`,
    `Restart=${unit.restart === 'always' ? 'always' : 'no'}`,
    'RestartSec=200ms',
    // A request that takes too much memory ends alone; the master goes on.
    'OOMPolicy=continue',
    `KillSignal=${plainWord(unit.stopSignal ?? 'SIGTERM')}`,
    ...(unit.keepsServices === true ? ['KillMode=process'] : []),
    `TimeoutStopSec=${wholeNumber(unit.stopTimeoutMs ?? 10_000)}ms`,
    ...(unit.slice === undefined ? [] : [`Slice=${plainWord(unit.slice)}.slice`]),
    '',
  ].join('\n');
}

function isPlainUser({ uid }: ServiceUnit): boolean {
  return uid !== undefined && uid !== 0;
}

/** By setpriv rather than `User=`, which takes nobody who is not in the system's database of users: tenants may be bare numbers. */
function rightsOf(unit: ServiceUnit): readonly string[] {
  if (!isPlainUser(unit)) return [];
  const [uid, gid] = [wholeNumber(unit.uid), wholeNumber(unit.gid ?? unit.uid)];
  return ['/usr/bin/setpriv', `--reuid=${uid}`, `--regid=${gid}`, '--clear-groups', '--'];
}

/** What only root may read of a unit: its hash, its log and its environment, each ended by NUL. */
export function renderPrivatePart(unit: ServiceUnit): string {
  const variables = Object.entries(unit.environment ?? {}).map(([name, value]) => {
    if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(name)) throw new BugError(`"${name}" is no name of a variable`);
    return `${name}=${value}`;
  });
  const parts = [hashUnit(unit), unit.logPath ?? '', ...variables];
  if (parts.some((part) => part.includes('\0'))) throw new BugError(`service ${unit.name} holds NUL`);
  return parts.map((part) => `${part}\0`).join('');
}

/** What we have to know of a unit that was written. */
export interface UnitMarks {
  readonly unitHash: string;
  readonly logPath: string | undefined;
}

/** Reads a private part. */
export function parseMarks(text: string): UnitMarks {
  const [unitHash = '', logPath = ''] = text.split('\0', 2);
  return { unitHash, logPath: logPath === '' ? undefined : logPath };
}

/** One argument of ExecStart in double quotes with C escapes; what is not printable ASCII becomes `\xNN` of its UTF-8 bytes. */
export function quotedArgument(argument: string): string {
  if (argument.includes('\0')) throw new BugError('an argument holds NUL');
  let text = '';
  for (const byte of Buffer.from(argument, 'utf8')) {
    const char = String.fromCharCode(byte);
    if (char === '%') text += '%%';
    else if (char === '$') text += '$$';
    else if (/[A-Za-z0-9 !#&()*+,\-./:;<=>?@[\]^_{|}~]/.test(char)) text += char;
    else text += `\\x${byte.toString(16).padStart(2, '0')}`;
  }
  return `"${text}"`;
}

function plainPath(path: string): string {
  if (!/^\/[A-Za-z0-9_./@:+-]*$/.test(path)) throw new BugError(`"${path}" cannot stand in a unit file`);
  return path;
}

/** A word that means itself in a unit file, and nothing else. */
export function plainWord(word: string): string {
  if (!/^[A-Za-z0-9][A-Za-z0-9.-]*$/.test(word)) throw new BugError(`"${word}" cannot stand in a unit file`);
  return word;
}

/** An amount; a BugError for what is none. */
export function wholeNumber(value: number | undefined): string {
  if (value === undefined || !Number.isSafeInteger(value) || value < 0) throw new BugError(`${value} is no amount`);
  return String(value);
}
