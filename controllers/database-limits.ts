import { parseDurationMs } from '#schemas/meta/duration.ts';
import { parseQuantity } from '#schemas/meta/quantity.ts';
import { tenantKind } from '#schemas/v1alpha1/tenant.ts';
import type { SessionLimits } from '#runtime/drivers/databases/model.ts';
import type { Cache } from '#runtime/manager/cache.ts';
import { defined } from './whereabouts.ts';

/** What a tenant's package gives each of its databases and logins. */
export interface DatabaseLimits {
  /** Of one database; absent: not limited. */
  readonly storageBytes?: number;
  /** Sessions of one login. */
  readonly connections: number;
  /** Deleted databases that are kept, before no other is made. */
  readonly retained: number;
  /** Bytes that those may hold together; absent: not limited. */
  readonly retainedBytes?: number;
  /** Of one session. */
  readonly session: SessionLimits;
}

/** Where the leader has not told yet. */
const usual = { connections: 100, statementTimeout: '10m', temporaryFiles: '1Gi', retained: 10 } as const;
/** The longest that both servers have: 24 days. */
const longestMs = 2 ** 31 - 1;

/** Reads what holds for the tenant. */
export function databaseLimitsOf(tenant: string, cache: Cache): DatabaseLimits {
  const given = { ...usual, ...cache.get(tenantKind, { name: tenant })?.status?.effective?.database };
  const bytesOf = (quantity: string | number | undefined) =>
    quantity === undefined ? undefined : parseQuantity(quantity);
  return {
    ...defined({ storageBytes: bytesOf(given.storage), retainedBytes: bytesOf(given.retainedStorage) }),
    connections: given.connections,
    retained: given.retained,
    session: {
      statementTimeoutMs: Math.min(parseDurationMs(given.statementTimeout) ?? longestMs, longestMs),
      temporaryBytes: parseQuantity(given.temporaryFiles) ?? 0,
    },
  };
}
