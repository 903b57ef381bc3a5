import type { IKeyValue, IRangeRequest } from 'etcd3';
import { CompactedError } from '#runtime/storage/compacted-error.ts';
import { compareKeys, prefixEnd } from '#runtime/storage/key-order.ts';
import type { Entry, Range, RangeOptions } from '#runtime/storage/store.ts';
import type { EtcdConnection } from './connection.ts';

/** A whole prefix is read in pages of this size, so that no answer holds up etcd or needs memory without bound. */
const pageSize = 1_000;

/** One key, with the revision that the answer holds for. */
export async function readKey(
  etcd: EtcdConnection,
  key: string,
  signal?: AbortSignal,
): Promise<{ readonly revision: number; readonly entry?: Entry }> {
  const request: IRangeRequest = { key: Buffer.from(key) };
  const response = await etcd.repeated('range', ({ kv }, bounds) => kv.range(request, bounds), signal);
  const revision = Number(response.header.revision);
  const pair = response.kvs[0];
  return pair === undefined ? { revision } : { revision, entry: entryOf(pair) };
}

/** The keys below `prefix`; without a limit as many pages of one revision as it takes. */
export async function readRange(etcd: EtcdConnection, prefix: string, options: RangeOptions = {}): Promise<Range> {
  if (options.limit !== undefined) return readPage(etcd, prefix, options);
  const first = await readPage(etcd, prefix, { ...options, limit: pageSize });
  const entries = [...first.entries];
  let page = first;
  while (page.remaining > 0) {
    const after = page.entries.at(-1)?.key;
    if (after === undefined) break;
    page = await readPage(etcd, prefix, { ...options, limit: pageSize, revision: first.revision, after });
    for (const entry of page.entries) entries.push(entry);
  }
  return { revision: first.revision, entries, remaining: 0 };
}

async function readPage(etcd: EtcdConnection, prefix: string, options: RangeOptions): Promise<Range> {
  const request: IRangeRequest = {
    key: Buffer.from(startOf(prefix, options.after)),
    range_end: prefixEnd(Buffer.from(prefix)),
    limit: options.limit ?? pageSize,
    revision: options.revision ?? 0,
  };
  try {
    const response = await etcd.repeated('range', ({ kv }, bounds) => kv.range(request, bounds), options.signal);
    return {
      revision: options.revision ?? Number(response.header.revision),
      entries: response.kvs.map(entryOf),
      remaining: Number(response.count) - response.kvs.length,
    };
  } catch (err) {
    throw err instanceof CompactedError ? new CompactedError(options.revision ?? 0, { cause: err }) : err;
  }
}

/** What lies before the prefix is not part of the range, wherever a caller says that it has come to. */
function startOf(prefix: string, after = ''): string {
  return compareKeys(after, prefix) < 0 ? prefix : `${after}\0`;
}

/** An etcd pair as we name things. The value is a view into the answer, which lives as long as the value is held. */
export function entryOf(pair: IKeyValue): Entry {
  return {
    key: pair.key.toString('utf8'),
    value: pair.value,
    revision: Number(pair.mod_revision),
    expires: pair.lease !== '0',
  };
}
