import { recordKey, type RecordChange } from '#schemas/meta/record-set.ts';
import type { FoundSet } from './model.ts';

/** One record, where a provider knows records one by one. */
export interface OneRecord {
  /** The whole name, with the dot at its end. */
  readonly name: string;
  readonly type: string;
  readonly ttlSeconds: number;
  readonly content: string;
}

export type KnownRecord = OneRecord & { readonly id: string };

/** What a change of record sets is in single records. What stays is not among them; what changes is changed in place, so that its name is answered all the time. */
export interface RecordSteps {
  readonly deletes: readonly KnownRecord[];
  readonly updates: readonly KnownRecord[];
  readonly creates: readonly OneRecord[];
}

export function recordSteps(changes: readonly RecordChange[], sets: ReadonlyMap<string, FoundSet>): RecordSteps {
  const all = changes.map((change) => stepsOf(change, sets.get(recordKey(change.name, change.type))));
  return {
    deletes: all.flatMap(({ deletes }) => deletes),
    updates: all.flatMap(({ updates }) => updates),
    creates: all.flatMap(({ creates }) => creates),
  };
}

function stepsOf({ name, type, set }: RecordChange, found: FoundSet | undefined): RecordSteps {
  const there = recordsOf({ name, type }, found);
  const { ttlSeconds = 0, contents = [] } = set ?? {};
  // Some providers have the same record twice.
  const kept = contents.flatMap((content) => there.find((record) => record.content === content) ?? []);
  const left = there.filter((record) => !kept.includes(record));
  const missing = contents.filter((content) => !kept.some((record) => record.content === content));
  const changed = left.slice(0, missing.length).map(({ id }, index) => ({ id, content: missing[index] ?? '' }));
  const late = kept.filter((record) => record.ttlSeconds !== ttlSeconds);
  return {
    deletes: left.slice(missing.length),
    updates: [...changed, ...late].map(({ id, content }) => ({ id, name, type, ttlSeconds, content })),
    creates: missing.slice(left.length).map((content) => ({ name, type, ttlSeconds, content })),
  };
}

function recordsOf(
  { name, type }: { readonly name: string; readonly type: string },
  found: FoundSet | undefined,
): readonly KnownRecord[] {
  const { ttlSeconds = 0, contents = [], ids = [] } = found ?? {};
  return contents.map((content, index) => ({ id: ids[index] ?? '', name, type, ttlSeconds, content }));
}

/** Record sets of what a provider lists one by one. A set whose records have several TTLs has the shortest, so that it is written anew. */
export function setsOf(
  records: readonly (KnownRecord & { readonly isForeign?: boolean | undefined })[],
): ReadonlyMap<string, FoundSet> {
  const groups = Map.groupBy(records, ({ name, type }) => recordKey(name, type));
  return new Map([...groups].map(([key, group]) => [key, setOf(group)]));
}

function setOf(group: Parameters<typeof setsOf>[0]): FoundSet {
  const sorted = group.toSorted((a, b) => (a.content < b.content ? -1 : 1));
  return {
    ttlSeconds: Math.min(...sorted.map(({ ttlSeconds }) => ttlSeconds)),
    contents: sorted.map(({ content }) => content),
    ids: sorted.map(({ id }) => id),
    ...(group.some(({ isForeign }) => isForeign === true) ? { isForeign: true } : {}),
  };
}

/** What stands after steps were done, by what the provider answered of the records that it made. */
export function afterSteps(
  sets: ReadonlyMap<string, FoundSet>,
  { deletes, updates }: RecordSteps,
  created: readonly KnownRecord[],
): ReadonlyMap<string, FoundSet> {
  const records = new Map(
    [...sets].flatMap(([key, set]) => {
      const [name = '', type = ''] = key.split(' ');
      return recordsOf({ name, type }, set).map((record) => [record.id, { ...record, isForeign: set.isForeign }]);
    }),
  );
  for (const { id } of deletes) records.delete(id);
  for (const record of [...updates, ...created]) records.set(record.id, { ...record, isForeign: undefined });
  return setsOf([...records.values()]);
}
