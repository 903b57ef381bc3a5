import { givingBack, tenantSandbox } from '#runtime/host/tenant-sandbox.ts';
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

/**
 * argv of a php-fpm master in a sandbox of its own, started as the tenant. SIGQUIT passes bubblewrap by and reaches php-fpm, which then finishes what it
 * began.
 */
export function sandboxCommand(pool: PhpPool, sources: SandboxSources): readonly string[] {
  const { accounts, configuration, socketDirectory } = sources;
  const sandbox = tenantSandbox({
    tree: pool.tree,
    isReadOnly: pool.isReadOnly,
    sockets: pool.sockets,
    accounts: ['--ro-bind', `${accounts}/passwd`, '/etc/passwd', '--ro-bind', `${accounts}/group`, '/etc/group'],
    more: [
      ['--ro-bind', configuration, '/etc/php-fpm.conf'],
      ['--bind', socketDirectory, '/run/php'],
      ['--as-pid-1', '--chdir', '/'],
    ].flat(),
  });
  return [
    ['/usr/bin/env', '--ignore-signal=QUIT'],
    sandbox,
    // Whoever kills bubblewrap ends the sandbox, too.
    ['/usr/bin/setpriv', '--pdeathsig', 'KILL', '--'],
    givingBack,
    [`/usr/sbin/php-fpm${pool.version}`, '--nodaemonize', '--force-stderr', '--fpm-config', '/etc/php-fpm.conf'],
    // Errors go to the Domain's log instead of the front's.
    ['-d', 'fastcgi.logging=0'],
  ].flat();
}
