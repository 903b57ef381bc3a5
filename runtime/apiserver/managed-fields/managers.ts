import type { ManagedFieldsEntry } from '#schemas/meta/object.ts';
import { isMap } from '#runtime/apiserver/codec/exact-number.ts';
import { sortSet, union } from './field-set.ts';
import type { FieldSet } from './field-set.ts';
import { parseFieldsV1 } from './fields-v1.ts';

/** One manager of an object, for one operation and subresource, and what it owns. */
export interface Manager {
  readonly name: string;
  readonly operation: 'Apply' | 'Update';
  readonly apiVersion: string;
  readonly subresource: string;
  /** RFC 3339, whole seconds; when its set last changed. */
  readonly time: string | undefined;
  readonly set: FieldSet | undefined;
  /** The entry it was read from, as long as it is unchanged. */
  readonly entry: ManagedFieldsEntry | undefined;
}

/** Most entries for updates; the oldest beyond are put together. */
const maxUpdaters = 10;
const oldUpdates = 'ancient-changes';

/** Whether a client asks to forget all managers: `[]` or one empty entry. */
export function isReset(entries: unknown): boolean {
  if (!Array.isArray(entries)) return false;
  return entries.length === 0 || (entries.length === 1 && isMap(entries[0]) && Object.keys(entries[0]).length === 0);
}

/** Reads `metadata.managedFields`; undefined when an entry is malformed. Of two entries of one manager the last counts. */
export function readManagers(entries: unknown): readonly Manager[] | undefined {
  if (entries === undefined || entries === null) return [];
  if (!Array.isArray(entries)) return undefined;
  const managers: Manager[] = [];
  for (const entry of entries as readonly unknown[]) {
    const manager = readManager(entry);
    if (manager === undefined) return undefined;
    const twin = managers.findIndex((other) => isSameManager(other, manager));
    if (twin === -1) managers.push(manager);
    else managers[twin] = manager;
  }
  return managers;
}

function readManager(entry: unknown): Manager | undefined {
  if (!isMap(entry) || entry['fieldsType'] !== 'FieldsV1') return undefined;
  const { operation } = entry;
  const set = parseFieldsV1(entry['fieldsV1']);
  if ((operation !== 'Apply' && operation !== 'Update') || set === 'malformed') return undefined;
  return {
    name: textOf(entry['manager']),
    operation,
    apiVersion: textOf(entry['apiVersion']),
    subresource: textOf(entry['subresource']),
    time: typeof entry['time'] === 'string' ? entry['time'] : undefined,
    set,
    entry,
  };
}

/** Those that own fields of the group that a request is about: what the others own has other names there (events have two groups), and is forgotten. */
export function ofGroup(managers: readonly Manager[], apiVersion: string): readonly Manager[] {
  const group = groupOf(apiVersion);
  const known = managers.filter((manager) => groupOf(manager.apiVersion) === group);
  return known.length === managers.length ? managers : known;
}

function groupOf(apiVersion: string): string {
  return apiVersion.slice(0, Math.max(0, apiVersion.indexOf('/')));
}

/** Appliers are the same at every apiVersion, updaters are not. */
export function isSameManager(
  a: Pick<Manager, 'name' | 'operation' | 'apiVersion' | 'subresource'>,
  b: Pick<Manager, 'name' | 'operation' | 'apiVersion' | 'subresource'>,
): boolean {
  return (
    a.name === b.name &&
    a.operation === b.operation &&
    a.subresource === b.subresource &&
    (a.operation === 'Apply' || a.apiVersion === b.apiVersion)
  );
}

/** The same manager with another set, which costs it its entry; the same value when the set is the same. */
export function withSet(manager: Manager, set: FieldSet | undefined): Manager {
  return set === manager.set ? manager : { ...manager, set, entry: undefined };
}

/** The entries to store, in Kubernetes' order; managers that own nothing vanish. Entries of unchanged managers are kept as they are. */
export function writeManagers(managers: readonly Manager[]): readonly ManagedFieldsEntry[] {
  const owning = managers.filter(({ set }) => set !== undefined);
  return (owning.length > 1 ? owning.toSorted(compareManagers) : owning).map(
    (manager) => manager.entry ?? entryOf(manager),
  );
}

/** Puts the oldest updaters of one apiVersion together until at most ten updaters are left. */
export function capUpdaters(managers: readonly Manager[]): readonly Manager[] {
  const updaters = managers.filter(({ operation, set }) => operation === 'Update' && set !== undefined);
  if (updaters.length <= maxUpdaters) return managers;
  let left = updaters.length;
  const kept = new Set(managers);
  const buckets = new Map<string, Manager>();
  for (const updater of updaters.toSorted(compareManagers)) {
    if (left <= maxUpdaters) break;
    const older = buckets.get(updater.apiVersion);
    buckets.set(updater.apiVersion, older === undefined ? updater : mergeOldUpdaters(older, updater));
    if (older === undefined) continue;
    kept.delete(older);
    kept.delete(updater);
    left -= 1;
    kept.add(buckets.get(updater.apiVersion) ?? updater);
  }
  return [...kept];
}

function mergeOldUpdaters(older: Manager, newer: Manager): Manager {
  return { ...newer, name: oldUpdates, subresource: '', set: union(older.set, newer.set), entry: undefined };
}

function entryOf(manager: Manager): ManagedFieldsEntry {
  const { name, operation, apiVersion, time, subresource, set } = manager;
  return {
    manager: name,
    operation,
    apiVersion,
    ...(time === undefined ? {} : { time }),
    fieldsType: 'FieldsV1',
    ...(set === undefined ? {} : { fieldsV1: sortSet(set) }),
    ...(subresource === '' ? {} : { subresource }),
  };
}

/** Operation (Apply first), time, manager, apiVersion, subresource. */
function compareManagers(a: Manager, b: Manager): number {
  return (
    compareTexts(a.operation, b.operation) ||
    compareTexts(a.time ?? '', b.time ?? '') ||
    compareTexts(a.name, b.name) ||
    compareTexts(a.apiVersion, b.apiVersion) ||
    compareTexts(a.subresource, b.subresource)
  );
}

function compareTexts(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}
