import { required } from '#runtime/base/errors.ts';
import type { ManagedFieldsEntry } from '#schemas/meta/object.ts';
import { isMap } from '#runtime/apiserver/codec/exact-number.ts';
import { sortSet, unionAll } from './field-set.ts';
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
  const managers = new Map<string, Manager>();
  for (const entry of entries as readonly unknown[]) {
    const manager = readManager(entry);
    if (manager === undefined) return undefined;
    managers.set(identityOf(manager), manager);
  }
  return [...managers.values()];
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

type Identity = Pick<Manager, 'name' | 'operation' | 'apiVersion' | 'subresource'>;

export function isSameManager(a: Identity, b: Identity): boolean {
  return identityOf(a) === identityOf(b);
}

/** Appliers are the same at every apiVersion, updaters are not. */
function identityOf({ name, operation, apiVersion, subresource }: Identity): string {
  return JSON.stringify([name, operation, subresource, operation === 'Apply' ? '' : apiVersion]);
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
  const old = new Map<string, Manager[]>();
  for (const updater of updaters.toSorted(compareManagers)) {
    if (left <= maxUpdaters) break;
    const older = old.get(updater.apiVersion);
    if (older === undefined) {
      old.set(updater.apiVersion, [updater]);
    } else {
      older.push(updater);
      left -= 1;
    }
  }
  const groups = [...old.values()].filter((group) => group.length > 1);
  const gone = new Set(groups.flat());
  return [...managers.filter((manager) => !gone.has(manager)), ...groups.map(mergeOldUpdaters)];
}

/** Oldest first. */
function mergeOldUpdaters(group: readonly Manager[]): Manager {
  const newest = required(group.at(-1), 'the newest of old updaters');
  return {
    ...newest,
    name: oldUpdates,
    subresource: '',
    set: unionAll(group.map(({ set }) => set)),
    entry: undefined,
  };
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
