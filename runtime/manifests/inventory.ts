import type { KubeObject } from '#schemas/meta/object.ts';
import type { ResourceType } from '#runtime/client/client.ts';
import { rankOf } from './order.ts';
import type { Target } from './target.ts';

/**
 * Which object an apply stands for, as it is written in an inventory: `Domain.hosting.wcp360.io/acme/shop`, `Tenant.hosting.wcp360.io/acme`, `Secret/acme/key`.
 * Without a version: an object is the same in all of them.
 */
export interface InventoryEntry {
  readonly group: string;
  readonly kind: string;
  readonly namespace?: string;
  readonly name: string;
}

/** The inventory of what is applied, each entry once. */
export function inventoryOf(targets: readonly Pick<Target, 'object' | 'type'>[]): readonly string[] {
  return targets.map(({ object, type }) => formatEntry(entryOf(object, type)));
}

function entryOf({ kind, metadata }: KubeObject, { group }: ResourceType): InventoryEntry {
  const { name, namespace } = metadata;
  return { group, kind, ...(namespace !== undefined && { namespace }), name };
}

export function formatEntry({ group, kind, namespace, name }: InventoryEntry): string {
  return [group === '' ? kind : `${kind}.${group}`, ...(namespace === undefined ? [] : [namespace]), name].join('/');
}

/** `undefined` for text that no inventory of ours holds. */
export function parseEntry(text: string): InventoryEntry | undefined {
  const [typeText = '', ...names] = text.split('/');
  const [kind = '', ...group] = typeText.split('.');
  const name = names.at(-1) ?? '';
  if (kind === '' || name === '' || names.length > 2) return undefined;
  return { group: group.join('.'), kind, ...(names.length === 2 && { namespace: names[0] }), name } as InventoryEntry;
}

/** What an inventory holds and the wanted one does not, in the order in which it is to go: what others need comes last. */
export function surplusOf(inventory: readonly string[], wanted: readonly string[]): readonly InventoryEntry[] {
  const stays = new Set(wanted);
  return [...new Set(inventory)]
    .filter((text) => !stays.has(text))
    .flatMap((text) => parseEntry(text) ?? [])
    .toSorted((a, b) => rankOf(b.kind) - rankOf(a.kind));
}
