import { findCondition } from '#schemas/meta/conditions.ts';
import { databaseKind, type Database } from '#schemas/v1alpha1/database.ts';
import type { RetainedData } from '#schemas/v1alpha1/retained-data.ts';
import type { Cache } from '#runtime/manager/cache.ts';
import { isPending, type Pending } from '#runtime/manager/controller.ts';
import { databaseLimitsOf } from '#controllers/database-limits.ts';
import { keptOfDatabase, keptOfTenant } from '#controllers/kept-databases.ts';
import { isSameServer, serverOf } from '#controllers/server-use.ts';

/**
 * Why a Database is not made yet: whoever makes, fills and deletes one after the other fills a disk, and what is kept is never dropped to make room. One that
 * has its data back makes nothing.
 */
export function retainedLimitOf(database: Database, server: string | undefined, cache: Cache): Pending | undefined {
  const { namespace = '' } = database.metadata;
  if (keptOfDatabase(database, server, cache).length > 0) return undefined;
  const kept = keptOfTenant(namespace, cache).filter((each) => holdsData(each, cache));
  const { retained } = databaseLimitsOf(namespace, cache);
  if (kept.length < retained) return undefined;
  const next = kept
    .map(({ spec }) => spec.expiresAt)
    .filter((at) => at !== undefined)
    .toSorted()[0];
  const wait = next === undefined ? '' : `wait until ${next}, when the next of them is over, `;
  const message = `As many deleted Databases of the tenant are kept (${kept.length}) as its package allows (${retained}): declare one of them again, ${wait}or have one purged (its RetainedData deleted).`;
  return { pending: { reason: 'RetainedLimit', message } };
}

/** Not where nothing came about, and not what a Database has again, or is being purged. */
function holdsData({ metadata, spec, status }: RetainedData, cache: Cache): boolean {
  if (metadata.deletionTimestamp !== undefined) return false;
  if (findCondition(status?.conditions, 'Ready')?.reason === 'NothingKept') return false;
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
