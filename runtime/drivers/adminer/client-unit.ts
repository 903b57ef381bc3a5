import type { ServiceUnit } from '#runtime/host/host.ts';
import { carried, givingBack, tenantSandbox } from '#runtime/host/tenant-sandbox.ts';
import type { ClientSeat } from './model.ts';

/** Where everything of running clients stands. */
export function clientsDirectory(root: string): string {
  return `${root}/run/clients`;
}

/** Of one client: `id` tells it from all others. */
export function clientPaths(root: string, id: string) {
  const directory = `${clientsDirectory(root)}/${id}`;
  return {
    directory,
    /** `passwd` and `group` with the tenant's own entry only. */
    accounts: `${directory}/etc`,
    /** The directory in which the master makes its socket. */
    inside: `${directory}/inside`,
    /** The name that the web front connects to. */
    socket: `${directory}/client.sock`,
    log: `${directory}/client.log`,
  };
}

const prefix = 'adminer-';

export function serviceOf(id: string): string {
  return `${prefix}${id}`;
}

export function isClientService(name: string): boolean {
  return name.startsWith(prefix);
}

/** The constant files of the program on a host. */
export const programFiles = ['php-fpm.conf', 'index.php'] as const;

export interface Client {
  readonly id: string;
  readonly root: string;
  /** `8.2` */
  readonly phpVersion: string;
  readonly seat: ClientSeat;
  /** What people call the Database. */
  readonly name: string;
}

/** Adminer as the tenant, in a sandbox that shows nothing of its files and has no network: the socket of one database server is all that it can reach. */
export function clientUnit({ id, root, phpVersion, seat, name }: Client): ServiceUnit {
  const paths = clientPaths(root, id);
  return {
    name: serviceOf(id),
    command: [
      ['/usr/bin/env', '--ignore-signal=QUIT'],
      sandboxWords(root, id, seat),
      // Whoever kills bubblewrap ends the sandbox, too.
      ['/usr/bin/setpriv', '--pdeathsig', 'KILL', '--'],
      givingBack,
      [`/usr/sbin/php-fpm${phpVersion}`, '--nodaemonize', '--force-stderr', '--fpm-config', '/client/php-fpm.conf'],
      ['-d', 'fastcgi.logging=0', '-d', 'opcache.memory_consumption=16'],
    ].flat(),
    environment: { PATH: '/usr/bin:/bin', ...carried(variablesOf(seat, name)) },
    uid: seat.uid,
    gid: seat.uid,
    logPath: paths.log,
    restart: 'never',
    stopSignal: 'SIGQUIT',
    stopTimeoutMs: 3_000,
    slice: seat.slice,
  };
}

function sandboxWords(root: string, id: string, { socket }: ClientSeat): readonly string[] {
  const { accounts, inside } = clientPaths(root, id);
  return tenantSandbox({
    isReadOnly: true,
    isOffline: true,
    sockets: [socket.socketDirectory],
    accounts: ['--ro-bind', `${accounts}/passwd`, '/etc/passwd', '--ro-bind', `${accounts}/group`, '/etc/group'],
    more: [
      ...programFiles.flatMap((file) => ['--ro-bind', `${clientsDirectory(root)}/${file}`, `/client/${file}`]),
      ...['--bind', inside, '/run/client', '--as-pid-1', '--chdir', '/'],
    ],
  });
}

function variablesOf(
  { tenant, engine, socket: { socketDirectory, socketFile = 'mariadb.sock' }, login }: ClientSeat,
  name: string,
): Readonly<Record<string, string>> {
  const isPostgresql = engine === 'PostgreSQL';
  return {
    CLIENT_DRIVER: isPostgresql ? 'pgsql' : 'server',
    CLIENT_SERVER: isPostgresql ? socketDirectory : `localhost:${socketDirectory}/${socketFile}`,
    CLIENT_USERNAME: login.username,
    CLIENT_PASSWORD: login.password,
    CLIENT_DATABASE: login.database,
    CLIENT_NAME: name,
    CLIENT_NAMESPACE: tenant,
  };
}
