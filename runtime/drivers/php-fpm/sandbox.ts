import type { PhpPool } from './model.ts';

/** Paths outside of the sandbox that it is made from. */
export interface SandboxSources {
  /** The constant configuration. */
  readonly configuration: string;
  /** Holds `passwd` and `group` with the tenant's own entry only. */
  readonly accounts: string;
  /** The directory in which the master makes its socket; appears as `/run/php`. */
  readonly socketDirectory: string;
}

/** Where the master listens, seen from inside. Short: a socket's path may have 107 bytes. */
export const socketInside = '/run/php/fpm.sock';

/** Carries the tenant's variables past the programs that build the sandbox: in there, LD_PRELOAD would run the tenant's code outside of it. */
export const variablePrefix = 'WCP_VAR_';

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

/** Gives the variables their names back, inside, and becomes php-fpm. Constant. */
const unwrap = `for (keys %ENV) { $ENV{$1} = delete $ENV{$_} if /^${variablePrefix}(.*)/s } exec { $ARGV[0] } @ARGV`;

/**
 * argv of a php-fpm master in a sandbox of its own, started as the tenant: user, process, IPC and host name spaces, /usr read-only, of all tenants only its
 * own tree, /tmp from that tree, and an /etc that knows one account. SIGQUIT passes bubblewrap by and reaches php-fpm, which then finishes what it began.
 */
export function sandboxCommand(pool: PhpPool, sources: SandboxSources): readonly string[] {
  const words: readonly (string | readonly string[])[] = [
    '/usr/bin/env',
    '--ignore-signal=QUIT',
    '/usr/bin/bwrap',
    ['--unshare-user', '--disable-userns', '--unshare-pid', '--unshare-ipc', '--unshare-uts', '--unshare-cgroup-try'],
    ['--as-pid-1', '--hostname', 'localhost', '--cap-drop', 'ALL'],
    ['--ro-bind', '/usr', '/usr'],
    ['bin', 'sbin', 'lib', 'lib64'].flatMap((name) => ['--symlink', `usr/${name}`, `/${name}`]),
    ['--proc', '/proc', '--dev', '/dev', '--tmpfs', '/run', '--dir', '/var/tmp', '--dir', '/etc'],
    ...shared.flatMap((name) => ['--ro-bind-try', `/etc/${name}`, `/etc/${name}`]),
    ['--ro-bind', `${sources.accounts}/passwd`, '/etc/passwd', '--ro-bind', `${sources.accounts}/group`, '/etc/group'],
    ['--ro-bind', sources.configuration, '/etc/php-fpm.conf'],
    [
      '--bind',
      pool.tree,
      pool.tree,
      '--bind',
      `${pool.tree}/tmp`,
      '/tmp',
      '--bind',
      sources.socketDirectory,
      '/run/php',
    ],
    ['--chdir', '/', '--'],
    // Whoever kills bubblewrap ends the sandbox, too.
    ['/usr/bin/setpriv', '--pdeathsig', 'KILL', '--'],
    ['/usr/bin/perl', '-e', unwrap, '--'],
    [`/usr/sbin/php-fpm${pool.version}`, '--nodaemonize', '--force-stderr', '--fpm-config', '/etc/php-fpm.conf'],
    // Errors go to the Domain's log instead of the front's.
    ['-d', 'fastcgi.logging=0'],
  ];
  return words.flat();
}
