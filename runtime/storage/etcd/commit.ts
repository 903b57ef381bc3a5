import type { ICompare, IRequestOp, ITxnRequest, ITxnResponse } from 'etcd3';
import type { Entry, Outcome, Transaction } from '#runtime/storage/store.ts';
import type { EtcdConnection } from './connection.ts';
import type { LeasePool } from './lease-pool.ts';
import { entryOf } from './range.ts';

/** Commits a transaction in one round trip; when a condition fails the same trip brings what stands under the keys of the conditions. */
export async function commit(
  etcd: EtcdConnection,
  leases: LeasePool,
  transaction: Transaction,
  signal?: AbortSignal,
): Promise<Outcome> {
  const request = await txnOf(leases, transaction, signal);
  const response = await etcd.once('txn', ({ kv }, bounds) => kv.txn(request, bounds), signal);
  return outcomeOf(response);
}

async function txnOf(leases: LeasePool, transaction: Transaction, signal?: AbortSignal): Promise<ITxnRequest> {
  const compare: ICompare[] = [];
  const failure: IRequestOp[] = [];
  for (const condition of transaction.if) {
    const key = Buffer.from(condition.key);
    compare.push({ key, target: 'Mod', result: 'Equal', mod_revision: condition.revision });
    failure.push({ request_range: { key } });
  }
  const success: IRequestOp[] = [];
  for (const { key, value, ttlSeconds } of transaction.put ?? []) {
    const put = { key: Buffer.from(key), value };
    const lease = ttlSeconds === undefined ? undefined : await leases.leaseFor(ttlSeconds, signal);
    success.push({ request_put: lease === undefined ? put : { ...put, lease } });
  }
  for (const key of transaction.delete ?? []) success.push({ request_delete_range: { key: Buffer.from(key) } });
  return { compare, success, failure };
}

function outcomeOf(response: ITxnResponse): Outcome {
  const revision = Number(response.header.revision);
  if (response.succeeded) return { committed: true, revision };
  const current = new Map<string, Entry>();
  for (const { response_range: range } of response.responses) {
    const pair = range.kvs[0];
    if (pair === undefined) continue;
    const entry = entryOf(pair);
    current.set(entry.key, entry);
  }
  return { committed: false, revision, current };
}
