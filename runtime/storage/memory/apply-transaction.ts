import { ApiError } from '#runtime/base/errors.ts';
import { transactionLimitBytes } from '#runtime/storage/store.ts';
import type { Entry, Outcome, Precondition, Transaction } from '#runtime/storage/store.ts';
import type { Versions } from './versions.ts';

/** Makes a transaction the next revision when its conditions hold. ApiError 413 when it is too large. */
export function applyTransaction(versions: Versions, transaction: Transaction): Outcome {
  const puts = transaction.put ?? [];
  const sizeBytes = puts.reduce((sum, { key, value }) => sum + key.length + value.length, 0);
  if (sizeBytes > transactionLimitBytes)
    throw new ApiError(413, 'RequestEntityTooLarge', 'The object is too large to be stored.');
  const now = versions.revision();
  const current = currentOf(versions, transaction.if);
  if (!transaction.if.every(({ key, revision }) => (current.get(key)?.revision ?? 0) === revision))
    return { committed: false, revision: now, current };
  const deletes = (transaction.delete ?? []).filter((key) => versions.at(key, now) !== undefined);
  if (puts.length + deletes.length === 0) return { committed: true, revision: now };
  const revision = versions.append([
    ...puts.map(({ key, value, ttlSeconds }) => ({
      key,
      value: Buffer.from(value),
      expires: ttlSeconds !== undefined,
    })),
    ...deletes.map((key) => ({ key, value: undefined, expires: false })),
  ]);
  return { committed: true, revision };
}

function currentOf(versions: Versions, conditions: readonly Precondition[]): ReadonlyMap<string, Entry> {
  const current = new Map<string, Entry>();
  for (const { key } of conditions) {
    const entry = versions.at(key, versions.revision());
    if (entry !== undefined) current.set(key, entry);
  }
  return current;
}
