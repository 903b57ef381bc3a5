import { collectionPrefix } from '#runtime/storage/object-key.ts';
import type { Entry, Store } from '#runtime/storage/store.ts';
import type { EncryptionKeys } from './encryption-keys.ts';
import { isSealed, isSealedWithPrimary, open, seal } from './seal.ts';

export interface RewriteOptions {
  /** The store beneath the encryption: values are seen as they are at rest. */
  readonly store: Store;
  readonly keys: EncryptionKeys;
  /** The Secrets by default. */
  readonly prefix?: string;
  /** Seal plain values, too: only while encryption is being turned on, since whoever can write to the database could have put them there. False by default. */
  readonly acceptPlain?: boolean;
  /** Where an earlier call stopped. */
  readonly after?: string;
  /** Most values to look at in this call; 1,000 by default. */
  readonly limit?: number;
  readonly signal?: AbortSignal;
}

export interface Rewritten {
  /** Values that are now under the first key and were not before. */
  readonly rewritten: number;
  /** Values that somebody else wrote meanwhile, who used a key of theirs: look again. */
  readonly contended: number;
  /** Goes on from here; absent when the end was reached. */
  readonly after?: string;
}

const pageSize = 100;

/**
 * Puts values that are under an older key, or plain, under the first key. Bounded per call, and may be broken off and begun again at any
 * time: what is done stays done and is passed over. When a call from the start reaches the end with nothing rewritten and nothing
 * contended, the old key may go from the file. Each rewrite is a change of the object's revision, as in Kubernetes.
 */
export async function rewriteWithPrimaryKey(options: RewriteOptions): Promise<Rewritten> {
  const { store, prefix = collectionPrefix('core/secrets'), limit = 1_000, signal } = options;
  let after = options.after;
  let rewritten = 0;
  let contended = 0;
  for (let seen = 0; seen < limit;) {
    const page = await store.range(prefix, {
      limit: Math.min(pageSize, limit - seen),
      ...(after === undefined ? {} : { after }),
      ...(signal === undefined ? {} : { signal }),
    });
    const old = page.entries.filter((entry) => isToRewrite(options, entry));
    const outcomes = await Promise.all(old.map((entry) => rewrite(options, entry)));
    rewritten += outcomes.filter(Boolean).length;
    contended += outcomes.length - outcomes.filter(Boolean).length;
    seen += page.entries.length;
    after = page.entries.at(-1)?.key ?? after;
    if (page.remaining === 0) return { rewritten, contended };
  }
  return { rewritten, contended, ...(after === undefined ? {} : { after }) };
}

function isToRewrite({ keys, acceptPlain = false }: RewriteOptions, { value }: Entry): boolean {
  return (acceptPlain || isSealed(value)) && !isSealedWithPrimary(keys, value);
}

async function rewrite({ store, keys, signal }: RewriteOptions, entry: Entry): Promise<boolean> {
  const { key, value, revision } = entry;
  const plain = isSealed(value) ? open(keys, key, value) : value;
  const outcome = await store.commit(
    { if: [{ key, revision }], put: [{ key, value: seal(keys, key, plain) }] },
    signal,
  );
  return outcome.committed;
}
