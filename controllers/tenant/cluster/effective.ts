import { formatBytes, formatMillicores, parseMillicores, parseQuantity } from '#schemas/meta/quantity.ts';
import type { Package } from '#schemas/v1alpha1/package.ts';
import type { Tenant } from '#schemas/v1alpha1/tenant.ts';
import type { Effective } from './inputs.ts';

export type Limits = NonNullable<Effective['limits']>;

/** Limits of kinds, whose plurals they are but for capitals. */
export const OBJECT_COUNTS = [
  'domains',
  'zones',
  'dnsRecords',
  'databases',
  'databaseUsers',
  'certificates',
  'issuers',
  'mailboxes',
] as const;
export const COUNTS = [...OBJECT_COUNTS, 'processes'] as const;
export const BYTES = ['storage', 'traffic', 'memory'] as const;

/** Package and overrides in canonical spelling; an override counts where it is there, also when it is more than the package gives. */
export function effectiveOf(tenant: Tenant, pack: Package, suspendedFor: string | undefined): Effective {
  const limits = canonicalLimits({ ...pack.spec.limits, ...tenant.spec.limits });
  return {
    packageName: pack.metadata.name,
    // A map that loses its last key to an apply is null on a Kubernetes, which the schema refuses.
    ...(Object.keys(limits).length > 0 && { limits }),
    php: { ...pack.spec.php, memory: canonicalBytes(pack.spec.php.memory) },
    database: canonicalDatabase(pack.spec.database),
    ...(pack.spec.dns.nameservers.length + pack.spec.dns.records.length > 0 && { dns: pack.spec.dns }),
    proxyTargets: pack.spec.proxyTargets,
    suspended: suspendedFor !== undefined,
    ...(suspendedFor === undefined ? {} : { suspendedFor }),
  };
}

/** `1024Mi` and `1Gi` are one amount and get one spelling. */
export function canonicalLimits(limits: Limits): Limits {
  const bytes = BYTES.flatMap((name) =>
    limits[name] === undefined ? [] : [[name, canonicalBytes(limits[name])] as const],
  );
  const cpu = limits.cpu === undefined ? {} : { cpu: formatMillicores(parseMillicores(limits.cpu) ?? 0) };
  return { ...limits, ...Object.fromEntries<string>(bytes), ...cpu };
}

function canonicalDatabase({
  storage,
  temporaryFiles,
  retainedStorage,
  ...others
}: Package['spec']['database']): NonNullable<Effective['database']> {
  return {
    ...others,
    temporaryFiles: canonicalBytes(temporaryFiles),
    ...(storage === undefined ? {} : { storage: canonicalBytes(storage) }),
    ...(retainedStorage === undefined ? {} : { retainedStorage: canonicalBytes(retainedStorage) }),
  };
}

function canonicalBytes(quantity: string | number): string {
  return formatBytes(parseQuantity(quantity) ?? 0);
}

/** Each limit as a plain number, so that sums can be made: counts, bytes and millicores. */
export function amountsOf(limits: Limits): ReadonlyMap<string, number> {
  const amounts = new Map<string, number>();
  for (const name of COUNTS) if (limits[name] !== undefined) amounts.set(name, limits[name]);
  for (const name of BYTES) if (limits[name] !== undefined) amounts.set(name, parseQuantity(limits[name]) ?? 0);
  if (limits.cpu !== undefined) amounts.set('cpu', parseMillicores(limits.cpu) ?? 0);
  return amounts;
}
