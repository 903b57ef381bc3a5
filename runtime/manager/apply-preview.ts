import { isEqual, isRecord } from '#runtime/base/json.ts';
import type { KubeObject } from '#schemas/meta/object.ts';

type Fields = Readonly<Record<string, unknown>>;

/** Who would apply, and through which door. */
export interface Applier {
  readonly manager: string;
  readonly subresource?: string;
}

const identity: ReadonlySet<string> = new Set(['name', 'namespace', 'uid']);
const root: ReadonlySet<string> = new Set(['apiVersion', 'kind']);
const none: ReadonlySet<string> = new Set();

/**
 * Whether a forced server-side apply of `config` would leave `live` as it is: every leaf is there and ours, and nothing else is ours
 * (which the apply would prune). Reads our own entry in managedFields, so that it holds whatever the list types of the schema are.
 * Errs on the side of a needless apply, which the server answers without a write; values that it spells differently (quantities) are such a case.
 */
export function appliesNothing(live: KubeObject, config: KubeObject, applier: Applier): boolean {
  const entry = live.metadata.managedFields?.find(
    ({ manager, operation, subresource }) =>
      manager === applier.manager && operation === 'Apply' && (subresource ?? '') === (applier.subresource ?? ''),
  );
  const owned = entry?.fieldsV1;
  return owned !== undefined && isObjectKept(config, live, owned);
}

/** `metadata` is looked at apart: its identity is owned by nobody, and nothing of it is where nothing else stands there. */
function isObjectKept(config: KubeObject, live: KubeObject, owned: Fields): boolean {
  const { metadata, ...rest } = config;
  const { 'f:metadata': ownedMetadata, ...ownedRest } = owned;
  return (
    isRecordKept({ value: rest, live, owned: ownedRest }, root) &&
    isRecordKept(
      { value: { ...metadata }, live: live.metadata, owned: isRecord(ownedMetadata) ? ownedMetadata : {} },
      identity,
    )
  );
}

interface Kept {
  readonly value: Fields;
  readonly live: unknown;
  readonly owned: Fields;
}

function isRecordKept({ value, live, owned }: Kept, unowned: ReadonlySet<string>): boolean {
  if (!isRecord(live)) return false;
  let wanted = 0;
  for (const key in value) {
    const part = value[key];
    if (part === undefined || unowned.has(key)) continue;
    const below = owned[`f:${key}`];
    // Of an empty list or record nobody owns anything.
    if (below === undefined && isEmpty(part) && isEqual(part, live[key])) continue;
    if (!isRecord(below) || !isKept(part, live[key], below)) return false;
    wanted += 1;
  }
  return wanted === countFields(owned);
}

function isEmpty(value: unknown): boolean {
  return Array.isArray(value) ? value.length === 0 : isRecord(value) && Object.keys(value).length === 0;
}

function countFields(owned: Fields): number {
  let count = 0;
  for (const key in owned) if (key !== '.') count += 1;
  return count;
}

function isKept(value: unknown, live: unknown, owned: Fields): boolean {
  if (isLeaf(owned)) return isEqual(value, live);
  if (isRecord(value)) return isRecordKept({ value, live, owned }, none);
  if (Array.isArray(value)) return Array.isArray(live) && isListKept(value, live, owned);
  return false;
}

function isLeaf(owned: Fields): boolean {
  for (const key in owned) if (key !== '.') return false;
  return true;
}

/** Lists with an owner per element: sets (`v:`) and maps (`k:`). */
function isListKept(value: readonly unknown[], live: readonly unknown[], owned: Fields): boolean {
  if (countFields(owned) !== value.length) return false;
  for (const mark in owned) {
    if (mark !== '.' && !isElementKept(mark, { value, live, below: owned[mark] })) return false;
  }
  return true;
}

function isElementKept(
  mark: string,
  lists: { readonly value: readonly unknown[]; readonly live: readonly unknown[]; readonly below: unknown },
): boolean {
  const key: unknown = JSON.parse(mark.slice(2));
  const isIt =
    mark.startsWith('k:') && isRecord(key) ? (one: unknown) => hasKey(one, key) : (one: unknown) => isEqual(one, key);
  const wanted = lists.value.find(isIt);
  const found = lists.live.find(isIt);
  if (wanted === undefined || found === undefined || !isRecord(lists.below)) return false;
  return isKept(wanted, found, lists.below);
}

function hasKey(element: unknown, key: Fields): boolean {
  if (!isRecord(element)) return false;
  for (const name in key) if (element[name] !== key[name]) return false;
  return true;
}
