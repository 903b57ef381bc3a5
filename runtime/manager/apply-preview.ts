import { isEqual, isRecord } from '#runtime/base/json.ts';
import type { KubeObject } from '#schemas/meta/object.ts';

type Fields = Readonly<Record<string, unknown>>;

/** Who would apply, and through which door. */
export interface Applier {
  readonly manager: string;
  readonly subresource?: string;
}

const identity = new Set(['apiVersion', 'kind', 'metadata.name', 'metadata.namespace', 'metadata.uid']);

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
  return owned !== undefined && isRecordKept(config, live, owned, '');
}

/** `path` is the field's own path and a dot; empty at the root and, since only metadata holds identity, below its second level. */
function isRecordKept(config: Fields, live: unknown, owned: Fields, path: '' | 'metadata.' | undefined): boolean {
  if (!isRecord(live)) return false;
  let wanted = 0;
  for (const key in config) {
    const value = config[key];
    if (value === undefined || (path !== undefined && identity.has(path + key))) continue;
    const below = owned[`f:${key}`];
    if (!isRecord(below)) {
      // `metadata` with nothing but identity in it is owned by nobody.
      if (path === '' && key === 'metadata' && isRecord(value) && isIdentityOnly(value)) continue;
      return false;
    }
    wanted += 1;
    if (!isKept(value, live[key], below, path === '' && key === 'metadata' ? 'metadata.' : undefined)) return false;
  }
  return wanted === countFields(owned);
}

function isIdentityOnly(metadata: Fields): boolean {
  return Object.keys(metadata).every((key) => metadata[key] === undefined || identity.has(`metadata.${key}`));
}

function countFields(owned: Fields): number {
  let count = 0;
  for (const key in owned) if (key !== '.') count += 1;
  return count;
}

function isKept(value: unknown, live: unknown, owned: Fields, path: 'metadata.' | undefined): boolean {
  if (isLeaf(owned)) return isEqual(value, live);
  if (isRecord(value)) return isRecordKept(value, live, owned, path);
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
    if (mark === '.') continue;
    const key: unknown = JSON.parse(mark.slice(2));
    const isKey = (element: unknown): boolean =>
      mark.startsWith('k:') ? isRecord(key) && hasKey(element, key) : isEqual(element, key);
    const wanted = value.find(isKey);
    const found = live.find(isKey);
    const below = owned[mark];
    if (wanted === undefined || found === undefined || !isRecord(below)) return false;
    if (!isKept(wanted, found, below, undefined)) return false;
  }
  return true;
}

function hasKey(element: unknown, key: Fields): boolean {
  if (!isRecord(element)) return false;
  for (const name in key) if (element[name] !== key[name]) return false;
  return true;
}
