import { recordKey, recordOf, type RecordChange, type RecordSets } from '#schemas/meta/record-set.ts';
import { isEqual } from '#runtime/base/json.ts';
import type { FieldChange } from '#runtime/plan/plan.ts';
import { fieldChanges } from './field-changes.ts';

/** What brings one zone's record sets from `observed` to `desired`. */
export interface RecordChanges {
  /** Whatever is new or differs; first what stands in its way under the same name, since no server takes a CNAME beside anything else. */
  readonly put: readonly RecordChange[];
  /** Whatever only goes. */
  readonly gone: readonly RecordChange[];
}

export function recordChanges(desired: RecordSets, observed: RecordSets): RecordChanges {
  const put = [...desired]
    .filter(([key, set]) => !isEqual(set, observed.get(key)))
    .map(([key, set]): RecordChange => ({ ...recordOf(key), set }));
  const gone = [...observed.keys()].filter((key) => !desired.has(key)).map(recordOf);
  const names = new Set(put.map(({ name }) => name));
  const inTheWay = gone.filter(({ name }) => names.has(name));
  return { put: [...inTheWay, ...put], gone: gone.filter(({ name }) => !names.has(name)) };
}

/** The same for a diff: `www.acme.example. A`: `300 192.0.2.1 | 192.0.2.2`. */
export function recordFieldChanges(changes: readonly RecordChange[], observed: RecordSets): readonly FieldChange[] {
  const to = new Map(changes.map(({ name, type, set }) => [recordKey(name, type), set]));
  const texts = (sets: ReadonlyMap<string, RecordChange['set']>): Readonly<Record<string, string | undefined>> =>
    Object.fromEntries(
      [...to.keys()].map((key) => {
        const set = sets.get(key);
        return [key, set === undefined ? undefined : `${set.ttlSeconds} ${set.contents.join(' | ')}`];
      }),
    );
  return fieldChanges(texts(observed), texts(to));
}
