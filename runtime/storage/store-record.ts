import { HostError, RefusedError } from '#runtime/base/errors.ts';
import { registryPrefix } from './object-key.ts';
import { rebasedStore } from './rebased-store.ts';
import type { Precondition, Store } from './store.ts';

/**
 * What a store is, said in itself, beside its objects. Every change of it is conditional, so that of a server that starts and a
 * restore that begins one is refused:
 *
 *     (nothing) ── a server starts ──▶ ready ◀── all is there ── restoring ◀─┐ another try
 *         └───────────── a restore begins ─────────────────────────▲  └──────┘
 */
type StoreRecord =
  /** Servers may use it. Revisions are told higher by `revisionBase` than the database counts them. */
  | { readonly state: 'ready'; readonly revisionBase: number }
  /** A restore has begun and not ended. */
  | { readonly state: 'restoring' };

const recordKey = '/wcp360/store';

/** The store as a server uses it. RefusedError `RestoreUnfinished` when a part of what belongs there may be missing. */
export async function storeToServe(store: Store): Promise<Store> {
  const fresh = { state: 'ready', revisionBase: 0 } as const;
  const outcome = await store.commit({ if: [{ key: recordKey, revision: 0 }], put: [put(fresh)] });
  const record = outcome.committed ? fresh : parseRecord(outcome.current.get(recordKey)?.value);
  if (record.state === 'restoring')
    throw new RefusedError(
      'RestoreUnfinished',
      'The restore of a snapshot into this store has not ended: no server may use it. Wait for it, or run `wcpctl snapshot restore` again.',
    );
  return rebasedStore(store, record.revisionBase);
}

/** A restore that nothing else can have: what it commits holds as long as nobody has taken it over. */
export interface RestoreClaim {
  readonly condition: Precondition;
  /** An earlier restore did not end, and may have left objects. */
  readonly isRepeated: boolean;
}

/** Begins a restore. RefusedError `StoreNotEmpty` when the store is in use, or was. */
export async function claimForRestore(store: Store, signal: AbortSignal): Promise<RestoreClaim> {
  const { entry } = await store.read(recordKey, signal);
  const isRepeated = entry !== undefined && parseRecord(entry.value).state === 'restoring';
  const objects = await store.range(registryPrefix, { limit: 1, signal });
  if (!isRepeated && (entry !== undefined || objects.entries.length > 0)) throw notEmpty();
  const condition = { key: recordKey, revision: entry?.revision ?? 0 };
  const outcome = await store.commit({ if: [condition], put: [put({ state: 'restoring' })] }, signal);
  if (!outcome.committed) throw notEmpty();
  return { condition: { key: recordKey, revision: outcome.revision }, isRepeated };
}

/** Ends a restore: from here on servers may use the store. */
export async function releaseRestored(
  store: Store,
  claim: RestoreClaim,
  options: { readonly revisionBase: number; readonly signal: AbortSignal },
): Promise<void> {
  const { revisionBase, signal } = options;
  const ready = put({ state: 'ready', revisionBase });
  const outcome = await store.commit({ if: [claim.condition], put: [ready] }, signal);
  if (!outcome.committed) throw claimLost();
}

/** Another restore has begun after this one. */
export function claimLost(): RefusedError {
  return new RefusedError('RestoreTakenOver', 'Another restore into this store has begun; this one ends here.');
}

function notEmpty(): RefusedError {
  return new RefusedError(
    'StoreNotEmpty',
    'The store is not empty: a server uses it, or has. Restore into an etcd with an empty data directory, before a server is started on it.',
  );
}

function put(record: StoreRecord): { readonly key: string; readonly value: Buffer } {
  return { key: recordKey, value: Buffer.from(JSON.stringify(record)) };
}

function parseRecord(value: Buffer | undefined): StoreRecord {
  try {
    const record = JSON.parse(value?.toString() ?? '') as StoreRecord;
    if (record.state === 'restoring' || Number.isSafeInteger(record.revisionBase)) return record;
  } catch (err) {
    throw new HostError(`the value of ${recordKey} in the store cannot be read`, {}, { cause: err });
  }
  throw new HostError(`the value of ${recordKey} in the store cannot be read`);
}
