import { RefusedError } from '#runtime/base/errors.ts';

/** Of what a sandbox is made beside what every one has; paths outside of it. */
export interface SandboxParts {
  /** All that it shows of `tenants/`; absent: nothing, and `/tmp` is memory, which goes with the sandbox. */
  readonly tree?: string;
  /** Whether it has no network: sockets in the file system alone lead out of it. */
  readonly isOffline?: boolean;
  /** Whether nothing in the tree can be changed; `/tmp` stays the tenant's own. */
  readonly isReadOnly: boolean;
  /** Directories that show at their own paths, for the sockets in them; those that are not there are left out. Nothing in them can be changed. */
  readonly sockets: readonly string[];
  /** bubblewrap's words that bring `/etc/passwd` and `/etc/group`. */
  readonly accounts: readonly string[];
  /** Further words: what else is shown, and where. */
  readonly more: readonly string[];
}

/** Files of /etc that programs need; whatever is missing on a host is left out. */
const shared = [
  'alternatives',
  'ca-certificates',
  'fonts',
  'hosts',
  'ld.so.cache',
  'localtime',
  'mime.types',
  'nsswitch.conf',
  'php',
  'protocols',
  'resolv.conf',
  'services',
  'ssl',
  'timezone',
];

/**
 * argv of bubblewrap up to the program, to be started as the tenant: user, process, IPC and host name spaces, /usr read-only, of all tenants only its own
 * tree, /tmp from that tree, an /etc that knows one account, and the sockets that it is given.
 */
export function tenantSandbox(parts: SandboxParts): readonly string[] {
  const { isOffline = false, sockets, accounts, more } = parts;
  const words: readonly (string | readonly string[])[] = [
    '/usr/bin/bwrap',
    ['--unshare-user', '--disable-userns', '--unshare-pid', '--unshare-ipc', '--unshare-uts', '--unshare-cgroup-try'],
    isOffline ? ['--unshare-net'] : [],
    ['--hostname', 'localhost', '--cap-drop', 'ALL'],
    ['--ro-bind', '/usr', '/usr'],
    ['bin', 'sbin', 'lib', 'lib64'].flatMap((name) => ['--symlink', `usr/${name}`, `/${name}`]),
    ['--proc', '/proc', '--dev', '/dev', '--tmpfs', '/run', '--dir', '/var/tmp', '--dir', '/etc'],
    ...shared.flatMap((name) => ['--ro-bind-try', `/etc/${name}`, `/etc/${name}`]),
    accounts,
    treeWords(parts),
    ...sockets.map((directory) => ['--ro-bind-try', directory, directory]),
    more,
    '--',
  ];
  return words.flat();
}

const memoryBytes = 256 * 1024 * 1024;

function treeWords({ tree, isReadOnly }: SandboxParts): readonly string[] {
  if (tree === undefined) return ['--size', `${memoryBytes}`, '--tmpfs', '/tmp'];
  return [isReadOnly ? '--ro-bind' : '--bind', tree, tree, '--bind', `${tree}/tmp`, '/tmp'];
}

/** Carries the tenant's variables past the programs that build the sandbox: in there, LD_PRELOAD would run the tenant's code outside of it. */
const variablePrefix = 'WCP_VAR_';

const giveBack = [
  `for (keys %ENV) { $ENV{$1} = delete $ENV{$_} if /^${variablePrefix}(.*)/s }`,
  'exec { $ARGV[0] } @ARGV; print STDERR "$ARGV[0]: $!\\n"; exit 1',
].join(' ');

/** Words before a program inside: give carried variables their names back, and become the program. Constant. */
export const givingBack: readonly string[] = ['/usr/bin/perl', '-e', giveBack, '--'];

/** What Linux lets one variable have, with its name (MAX_ARG_STRLEN of execve(2)). */
const longestVariableBytes = 128 * 1024;
/** Of the 2 MiB that it gives arguments and variables together. */
const mostVariablesBytes = 1024 * 1024;

/**
 * Variables of a tenant as the programs are given them that build its sandbox; without those that no program can have, and those that are ours (`WCP_…`).
 * RefusedError `VariablesTooLarge` for what the kernel would give to no program.
 */
export function carried(variables: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  const taken = Object.entries(variables).filter(
    ([name, value]) => /^(?!WCP_)[A-Za-z_][A-Za-z0-9_]*$/.test(name) && !value.includes('\0'),
  );
  refuseTooLarge(taken);
  return Object.fromEntries(taken.map(([name, value]) => [`${variablePrefix}${name}`, value]));
}

function refuseTooLarge(variables: readonly (readonly [name: string, value: string])[]): void {
  let sum = 0;
  for (const [name, value] of variables) {
    const bytes = Buffer.byteLength(`${variablePrefix}${name}=${value}\0`);
    if (bytes > longestVariableBytes) throw tooLarge(`The variable ${name} is longer than the 128 KiB`);
    sum += bytes;
  }
  if (sum > mostVariablesBytes) throw tooLarge('All variables together are larger than the 1 MiB');
}

function tooLarge(what: string): RefusedError {
  return new RefusedError(
    'VariablesTooLarge',
    `${what} that a program is given: keep such values in a file of the site.`,
  );
}

/** What a sandbox's /etc says of the one account that it knows. */
export function accountTexts(account: { readonly tenant: string; readonly uid: number; readonly home: string }): {
  readonly passwd: string;
  readonly group: string;
} {
  const { tenant, uid, home } = account;
  const name = /^[a-z][a-z0-9-]{0,31}$/.test(tenant) ? tenant : `u${uid}`;
  return {
    passwd: `${name}:x:${uid}:${uid}::${home.replace(/[:\n]/g, '')}:/usr/sbin/nologin\n`,
    group: `${name}:x:${uid}:\n`,
  };
}
