import { createHash } from 'node:crypto';
import { recordKey, type RecordChange, type RecordSet, type RecordSets } from '#schemas/meta/record-set.ts';

/** Record sets that the server refused, by `recordKey`. The mark of the zone has them, so that they are not tried again before somebody changes them. */
export type RefusedRecords = Readonly<Record<string, RefusedRecord>>;

export interface RefusedRecord {
  /** Of what was refused: something else under the same name is tried. */
  readonly digest: string;
  /** The server's own. */
  readonly words: string;
}

/** A mark has no more; of what was refused longest ago nothing is known any more, and it is tried again. */
const most = 100;
const wordsLength = 300;

export function refusedRecord({ name, type, set }: RecordChange, words: string): RefusedRecords {
  if (set === undefined) return {};
  return { [recordKey(name, type)]: { digest: digestOf(set), words: words.slice(0, wordsLength) } };
}

export function withRefused(before: RefusedRecords, now: RefusedRecords): RefusedRecords {
  const others = Object.entries(before).filter(([key]) => !Object.hasOwn(now, key));
  return Object.fromEntries([...others, ...Object.entries(now)].slice(-most));
}

/** Which of these sets were refused as they are, and in what words, in order of their keys. */
export function refusedAmong(
  records: RecordSets,
  refused: RefusedRecords,
): readonly { readonly record: string; readonly words: string }[] {
  const found = Object.entries(refused).filter(([key]) => isRefused(key, records.get(key), refused));
  return found.map(([record, { words }]) => ({ record, words })).toSorted((a, b) => (a.record < b.record ? -1 : 1));
}

/** What can be had of the wanted sets: in place of a refused one what is answered under its name and type so far. */
export function withoutRefused(desired: RecordSets, observed: RecordSets, refused: RefusedRecords): RecordSets {
  return new Map(
    [...desired].flatMap(([key, set]) => {
      const had = isRefused(key, set, refused) ? observed.get(key) : set;
      return had === undefined ? [] : [[key, had] as const];
    }),
  );
}

function isRefused(key: string, set: RecordSet | undefined, refused: RefusedRecords): boolean {
  return set !== undefined && refused[key]?.digest === digestOf(set);
}

function digestOf({ ttlSeconds, contents }: RecordSet): string {
  return createHash('sha256')
    .update(JSON.stringify([ttlSeconds, contents]))
    .digest('hex')
    .slice(0, 16);
}
