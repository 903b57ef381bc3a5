import type { KubeObject } from '#schemas/meta/object.ts';
import type { Client, ListOptions, ResourceType } from './client.ts';

/** A whole collection at one revision. */
export interface ListedObjects<T extends KubeObject> {
  readonly items: readonly T[];
  /** All items are consistent at this revision. */
  readonly resourceVersion: string;
}

/**
 * Lists a collection page by page, 1,000 objects each unless `limit` says otherwise; items carry apiVersion and kind, which
 * lists of built-in kinds leave out. ApiError 410 when the first page's revision is forgotten on the way: start again.
 */
export async function listAll<T extends KubeObject>(
  client: Client,
  type: ResourceType,
  options: ListOptions = {},
): Promise<ListedObjects<T>> {
  const items: T[] = [];
  let page: ListOptions = { ...options, limit: options.limit ?? 1_000 };
  for (;;) {
    const list = await client.list<T>(type, page);
    const itemKind = list.kind.endsWith('List') ? list.kind.slice(0, -'List'.length) : type.kind;
    // No spread into push: its arguments go over the stack, which ends near 100,000.
    for (const item of list.items) {
      items.push(item.kind === undefined ? { ...item, apiVersion: list.apiVersion, kind: itemKind } : item);
    }
    const next = list.metadata.continue;
    if (next === undefined || next === '') return { items, resourceVersion: list.metadata.resourceVersion ?? '' };
    page = {
      ...options,
      limit: page.limit,
      continue: next,
      resourceVersion: undefined,
      resourceVersionMatch: undefined,
    };
  }
}
