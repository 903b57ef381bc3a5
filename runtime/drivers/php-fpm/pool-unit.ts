import { createHash } from 'node:crypto';
import { posix } from 'node:path';
import { canonicalJson } from '#runtime/base/json.ts';
import type { SecretReader } from '#runtime/drivers/secret-reader.ts';
import type { Host, ServiceUnit } from '#runtime/host/host.ts';
import { carried } from '#runtime/host/tenant-sandbox.ts';
import type { PhpPool } from './model.ts';
import { sandboxCommand, socketInside } from './sandbox.ts';
import { variablesOf } from './variables.ts';

/** What pools are run with. */
export interface PhpWorld {
  readonly host: Host;
  /** Needed for pools that take variables from Secrets. */
  readonly secrets?: SecretReader;
}

/** One master of a pool: a changed pool gets a new generation beside the running one. */
export interface Generation {
  readonly unit: ServiceUnit;
  /** Where it makes its socket: `<pool's directory>/<hash>`. */
  readonly socketDirectory: string;
}

const hashLength = 10;

/** Reads the Secrets and says how the pool's master is to be run. RefusedErrors `SecretNotFound`, `VariablesTooLarge`. */
export async function generationOf(
  name: string,
  pool: PhpPool,
  world: PhpWorld,
  signal: AbortSignal,
): Promise<Generation> {
  const environment = { ...carried(await variablesOf(pool, world.secrets, signal)), ...limitsOf(pool) };
  // Of Secrets counts what they hold, not how often they were written.
  const { environmentFrom: _, ...settings } = pool;
  const hash = createHash('sha256')
    .update(canonicalJson([name, settings, environment]))
    .digest('hex')
    .slice(0, hashLength);
  const directory = posix.dirname(pool.socket);
  const socketDirectory = `${directory}/${hash}`;
  const sources = { configuration: configurationPath(world.host.root), accounts: `${directory}/etc`, socketDirectory };
  return {
    socketDirectory,
    unit: {
      name: `${servicePrefix(name)}${hash}`,
      command: sandboxCommand(pool, sources),
      environment,
      uid: pool.uid,
      gid: pool.uid,
      logPath: pool.errorLog,
      restart: 'never',
      stopSignal: 'SIGQUIT',
      stopTimeoutMs: (pool.timeoutSeconds + 5) * 1000,
      slice: pool.slice,
    },
  };
}

/** The constant configuration as it stands on the host. */
export function configurationPath(root: string): string {
  return `${root}/run/php/php-fpm.conf`;
}

/** Whether a service is a generation of this pool. */
export function isGenerationOf(name: string, service: string): boolean {
  const prefix = servicePrefix(name);
  return (
    service.startsWith(prefix) &&
    /^[0-9a-f]+$/.test(service.slice(prefix.length)) &&
    service.length === prefix.length + hashLength
  );
}

/** Names of services have at most 200 characters. */
function servicePrefix(name: string): string {
  if (name.length <= 150) return `php-${name}-`;
  return `php-${name.slice(0, 100)}-${createHash('sha256').update(name).digest('hex').slice(0, 24)}-`;
}

function limitsOf(pool: PhpPool): Readonly<Record<string, string>> {
  const whole = (value: number, least: number): string => String(Math.max(least, Math.round(value)));
  return {
    PATH: '/usr/local/bin:/usr/bin:/bin',
    HOME: pool.tree,
    WCP_SOCKET: socketInside,
    WCP_CHILDREN: whole(pool.children, 1),
    WCP_MEMORY: whole(pool.memoryBytes, 1024 * 1024),
    WCP_UPLOAD: whole(pool.uploadBytes, 1),
    WCP_TIMEOUT: whole(pool.timeoutSeconds, 1),
    WCP_TERMINATE: `${whole(pool.timeoutSeconds, 1)}s`,
  };
}
