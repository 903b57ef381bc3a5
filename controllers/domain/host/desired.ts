import { parseDurationMs, parseDurationSeconds } from '#schemas/meta/duration.ts';
import { sliceOf } from '#schemas/meta/names.ts';
import { shortName } from '#schemas/meta/name-hash.ts';
import { parseQuantity } from '#schemas/meta/quantity.ts';
import { domainDirectory, keptDirectory, logsDirectory } from '#schemas/meta/tenant-tree.ts';
import type { Domain } from '#schemas/v1alpha1/domain.ts';
import type { PhpPool, PhpPools } from '#runtime/drivers/php-fpm/model.ts';
import type { Tree } from '#runtime/drivers/tree/model.ts';
import { socketDirectoriesOf } from '#controllers/database-names.ts';
import type { DomainHostInputs, FileInputs, PhpInputs } from './inputs.ts';

/** So long that the path of its socket below `/srv/wcp360` stays within what a socket's address holds (unix(7)). */
const POOL_NAME_CHARACTERS = 72;

/** The name of a Domain's pool; no tenant's name has a dot, so it is unique. */
export function poolNameOf(domain: Domain): string {
  return shortName(`${domain.metadata.namespace ?? ''}.${domain.metadata.name}`, POOL_NAME_CHARACTERS);
}

export function socketOf(domain: Domain, root: string): string {
  return `${root}/run/php/${poolNameOf(domain)}/php.sock`;
}

/** The domain's directory and its default document root. Wanted whatever is served, so that a switch to a redirect and back loses nothing. */
export function desiredTree(domain: Domain, inputs: FileInputs): Tree {
  const directory = domainDirectory(inputs.tenant, domain.metadata.name);
  const ownership = { mode: 0o2750, uid: inputs.accountId, gid: inputs.frontGid };
  return {
    directories: new Map([
      [directory, ownership],
      [`${directory}/public`, ownership],
    ]),
    kept: new Map(),
  };
}

/** What a Domain leaves: its directory among what is kept. */
export function keptTree(domain: Domain): Tree {
  const { namespace = '', name, uid = '' } = domain.metadata;
  const keptAt = keptDirectory('Domain', namespace, name, uid);
  return { directories: new Map(), kept: new Map([[domainDirectory(namespace, name), keptAt]]) };
}

/** The PHP master of a site; none while it is suspended, so that nothing of the tenant runs. */
export function desiredPools(domain: Domain, inputs: DomainHostInputs): PhpPools {
  const { php } = domain.spec;
  if (php === undefined || inputs.php === undefined || inputs.suspendedFor !== undefined) return new Map();
  return new Map([[poolNameOf(domain), poolOf(domain, php, inputs, inputs.php)]]);
}

function poolOf(
  domain: Domain,
  spec: NonNullable<Domain['spec']['php']>,
  inputs: DomainHostInputs,
  php: PhpInputs,
): PhpPool {
  const { namespace = '', name } = domain.metadata;
  return {
    owner: `Domain/${namespace}/${name}`,
    tenant: inputs.tenant,
    uid: inputs.accountId,
    version: php.version,
    tree: `${inputs.root}/tenants/${inputs.tenant}`,
    isReadOnly: inputs.isStill,
    socket: socketOf(domain, inputs.root),
    children: php.children,
    memoryBytes: php.memoryBytes,
    timeoutSeconds: timeoutSecondsOf(domain),
    uploadBytes: uploadBytesOf(domain),
    settings: phpValuesOf(spec),
    environment: Object.fromEntries(spec.env.map(({ name: variable, value }) => [variable, value])),
    environmentFrom: spec.envFrom.map(({ prefix, secretRef }) => ({
      namespace,
      name: secretRef.name,
      resourceVersion: inputs.secretVersions[secretRef.name] ?? '',
      ...(prefix === undefined ? {} : { prefix }),
    })),
    sockets: [...socketDirectoriesOf(inputs.root), ...(inputs.neighbourSockets ?? [])],
    errorLog: `${inputs.root}/${logsDirectory(inputs.tenant)}/${name}.error.log`,
    slice: sliceOf(inputs.accountId),
  };
}

/** php.ini values of a site: its record tells them with each request, and a change of them replaces the master. */
export function phpValuesOf(spec: NonNullable<Domain['spec']['php']>): Readonly<Record<string, string>> {
  return Object.fromEntries(spec.settings.map(({ name, value }) => [name, value]));
}

/** At least a second: nothing can answer in none. */
export function timeoutSecondsOf(domain: Domain): number {
  return Math.max(1, parseDurationSeconds(domain.spec.limits.timeout) ?? 60);
}

export function uploadBytesOf(domain: Domain): number {
  return parseQuantity(domain.spec.limits.upload) ?? 64 * 1024 * 1024;
}

/** Rounded down: a cache that forgets early is right, one that forgets late is not. */
export function cacheSecondsOf(domain: Domain): number {
  return Math.floor((parseDurationMs(domain.spec.cache.maxAge) ?? 0) / 1000);
}
