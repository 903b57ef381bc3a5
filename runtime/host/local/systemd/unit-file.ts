import { BugError } from '#runtime/base/errors.ts';
import type { ServiceUnit } from '#runtime/host/host.ts';

/**
 * A unit file of systemd.service(5). Every value is either a number, a word from a closed set, or quoted so that it can only ever be one value:
 * no newline, specifier (`%`) or variable (`$`) of an argument is left to systemd.
 */
export function renderUnit(unit: ServiceUnit, environmentFile: string): string {
  const isUser = unit.uid !== undefined && unit.uid !== 0;
  return [
    '[Unit]',
    `Description=wcp360 ${plainWord(unit.name)}`,
    'CollectMode=inactive-or-failed',
    '[Service]',
    'Type=exec',
    `ExecStart=${unit.command.map(quotedArgument).join(' ')}`,
    `EnvironmentFile=${plainPath(environmentFile)}`,
    `WorkingDirectory=${plainPath(unit.workingDirectory ?? '/')}`,
    ...(isUser
      ? [`User=${wholeNumber(unit.uid)}`, `Group=${wholeNumber(unit.gid ?? unit.uid)}`, 'NoNewPrivileges=yes']
      : []),
    ...(unit.logPath === undefined
      ? ['StandardOutput=null', 'StandardError=null']
      : [`StandardOutput=append:${plainPath(unit.logPath)}`, `StandardError=append:${plainPath(unit.logPath)}`]),
    `Restart=${unit.restart === 'always' ? 'always' : 'no'}`,
    'RestartSec=200ms',
    `KillSignal=${plainWord(unit.stopSignal ?? 'SIGTERM')}`,
    `TimeoutStopSec=${wholeNumber(unit.stopTimeoutMs ?? 10_000)}ms`,
    ...(unit.slice === undefined ? [] : [`Slice=${plainWord(unit.slice)}.slice`]),
    ...limitLines(unit.limits),
    '',
  ].join('\n');
}

/** Limits as properties, the same for a unit file and for `systemctl set-property`. */
export function limitLines(limits: ServiceUnit['limits']): readonly string[] {
  return [
    ...(limits?.cpuMillicores === undefined
      ? []
      : [`CPUQuota=${wholeNumber(Math.max(1, Math.round(limits.cpuMillicores / 10)))}%`]),
    ...(limits?.memoryBytes === undefined ? [] : [`MemoryMax=${wholeNumber(limits.memoryBytes)}`]),
    ...(limits?.processes === undefined ? [] : [`TasksMax=${wholeNumber(limits.processes)}`]),
  ];
}

/** An environment file of systemd.exec(5): each value in double quotes, in which only `\`, `"`, `` ` `` and `$` have a meaning; newlines stay. */
export function renderEnvironment(environment: Readonly<Record<string, string>>): string {
  return Object.entries(environment)
    .map(([name, value]) => {
      if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(name)) throw new BugError(`"${name}" is no name of a variable`);
      if (value.includes('\0')) throw new BugError(`the variable ${name} holds NUL`);
      return `${name}="${value.replace(/[\\"`$]/g, '\\$&')}"\n`;
    })
    .join('');
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

function plainWord(word: string): string {
  if (!/^[A-Za-z0-9][A-Za-z0-9.-]*$/.test(word)) throw new BugError(`"${word}" cannot stand in a unit file`);
  return word;
}

function wholeNumber(value: number | undefined): string {
  if (value === undefined || !Number.isSafeInteger(value) || value < 0) throw new BugError(`${value} is no amount`);
  return String(value);
}
