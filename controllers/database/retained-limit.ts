import { findCondition } from '#schemas/meta/conditions.ts';
import { formatBytes, parseQuantity } from '#schemas/meta/quantity.ts';
import { databaseKind, type Database } from '#schemas/v1alpha1/database.ts';
import type { RetainedData } from '#schemas/v1alpha1/retained-data.ts';
import type { Cache } from '#runtime/manager/cache.ts';
import { isPending, type Pending } from '#runtime/manager/controller.ts';
import { databaseLimitsOf } from '#controllers/database-limits.ts';
import { countKeptOf, keptOfDatabase, keptOfTenant } from '#controllers/kept-databases.ts';
import { isSameServer, serverOf } from '#controllers/server-use.ts';

/**
 * Why a Database is not made yet: whoever makes, fills and deletes one after the other fills a disk, and what is kept is never dropped to make room. One that
 * has its data back makes nothing.
 */
export function retainedLimitOf(database: Database, server: string | undefined, cache: Cache): Pending | undefined {
  const { namespace = '' } = database.metadata;
  if (keptOfDatabase(database, server, cache).length > 0) return undefined;
  const { retained, retainedBytes = Number.POSITIVE_INFINITY } = databaseLimitsOf(namespace, cache);
  if (countKeptOf(namespace, cache) < retained && !Number.isFinite(retainedBytes)) return undefined;
  const kept = keptOfTenant(namespace, cache).filter((each) => holdsData(each, cache));
  const keptBytes = kept.reduce((sum, { status }) => sum + (parseQuantity(status?.size ?? 0) ?? 0), 0);
  if (kept.length >= retained)
    return pending(
      `As many deleted Databases of the tenant are kept (${kept.length}) as its package allows (${retained})`,
      kept,
    );
  if (keptBytes <= retainedBytes) return undefined;
  const most = formatBytes(retainedBytes);
  return pending(
    `Deleted Databases of the tenant that are kept hold ${formatBytes(keptBytes)}, and its package allows ${most} (database.retainedStorage)`,
    kept,
  );
}

function pending(why: string, kept: readonly RetainedData[]): Pending {
  const next = kept
    .map(({ spec }) => spec.expiresAt)
    .filter((at) => at !== undefined)
    .toSorted()[0];
  const wait = next === undefined ? '' : `wait until ${next}, when the next of them is over, `;
  const message = `${why}: declare one of them again, ${wait}or have one purged (its RetainedData deleted).`;
  return { pending: { reason: 'RetainedLimit', message } };
}

const holdNothing: ReadonlySet<string> = new Set(['NothingKept', 'ServerLost', 'HostLost', 'DumpLost']);

/** Not where nothing came about, or nothing is left, and not what a Database has again, or is being purged. */
function holdsData({ metadata, spec, status }: RetainedData, cache: Cache): boolean {
  if (metadata.deletionTimestamp !== undefined) return false;
  if (holdNothing.has(findCondition(status?.conditions, 'Ready')?.reason ?? '')) return false;
  return !isBackIn(spec, cache);
}

/** Whether a Database has, or is to have, it again. */
function isBackIn({ objectRef: { namespace, name }, database }: RetainedData['spec'], cache: Cache): boolean {
  const found = cache.get(databaseKind, { namespace, name });
  if (found === undefined || found.metadata.deletionTimestamp !== undefined) return false;
  const server = serverOf(found, cache);
  if (isPending(server) || found.spec.engine !== database?.engine) return false;
  return isSameServer(server, database.server, cache);
}
