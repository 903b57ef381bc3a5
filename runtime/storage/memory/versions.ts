import { emptyList, findPlaced, placedBelow, withPlaced, withoutPlaced } from '#runtime/storage/sorted-list.ts';
import type { Change, Entry } from '#runtime/storage/store.ts';

/** All keys with what they were at each revision since the last compaction. */
export interface Versions {
  revision(): number;
  /** History before this one is gone. */
  compacted(): number;
  at(key: string, revision: number): Entry | undefined;
  below(prefix: string, revision: number, after?: string): readonly Entry[];
  /** Makes the changes the next revision, and returns it. */
  append(changes: readonly Omit<Version, 'revision'>[]): number;
  /** All changes after a revision, oldest first. */
  changesAfter(revision: number): readonly Change[];
  compact(revision: number): void;
}

interface Version extends Change {
  readonly expires: boolean;
}

interface KeyHistory {
  readonly path: string;
  /** Oldest first; appended to in place, since only this history sees it. */
  readonly changes: Version[];
}

/** An empty history; like etcd it begins at revision 1. */
export function createVersions(): Versions {
  let revision = 1;
  let compacted = 0;
  let keys = emptyList<KeyHistory>();
  let log: Change[] = [];
  const at = (key: string, asOf: number): Entry | undefined => entryAt(findPlaced(keys, key), asOf);
  return {
    revision: () => revision,
    compacted: () => compacted,
    at,
    below: (prefix, asOf, after) =>
      [...placedBelow(keys, prefix, after)].flatMap((history) => entryAt(history, asOf) ?? []),
    append: (changes) => {
      revision++;
      const stamped = changes.map((change): Version => ({ ...change, revision }));
      for (const change of stamped) {
        log.push(change);
        const history = findPlaced(keys, change.key);
        if (history === undefined) keys = withPlaced(keys, { path: change.key, changes: [change] });
        else history.changes.push(change);
      }
      return revision;
    },
    changesAfter: (asOf) => log.slice(log.findLastIndex((change) => change.revision <= asOf) + 1),
    compact: (target) => {
      if (target <= compacted) return;
      compacted = target;
      log = log.filter((change) => change.revision >= target);
      for (const history of placedBelow(keys, '')) {
        const kept = keptAt(history, target);
        keys = kept.length === 0 ? withoutPlaced(keys, history.path) : withPlaced(keys, { ...history, changes: kept });
      }
    },
  };
}

function entryAt(history: KeyHistory | undefined, asOf: number): Entry | undefined {
  const change = history?.changes.findLast((candidate) => candidate.revision <= asOf);
  return change?.value === undefined ? undefined : { ...change, value: change.value };
}

/** The state as of `target` and what came later; a deletion that nothing came after is forgotten. */
function keptAt({ changes }: KeyHistory, target: number): Version[] {
  const kept = changes.slice(
    Math.max(
      0,
      changes.findLastIndex((change) => change.revision <= target),
    ),
  );
  const [first] = kept;
  return first !== undefined && first.value === undefined && first.revision <= target ? kept.slice(1) : kept;
}
