import type { KubeObject } from '#schemas/meta/object.ts';
import { objectName, type RestMapper } from '#runtime/cli/api/rest-mapper.ts';
import { UsageError } from '#runtime/cli/io.ts';
import { type Target } from '#runtime/cli/manifests/target.ts';
import type { Session } from '#runtime/cli/session.ts';

const configMaps = { group: '', version: 'v1', resource: 'configmaps', kind: 'ConfigMap', namespaced: true } as const;
const inventoryLabel = 'app.kubernetes.io/managed-by';

/** Which object an earlier apply made; the uid keeps us from deleting a namesake that somebody else made since. */
interface InventoryEntry {
  readonly apiVersion: string;
  readonly kind: string;
  readonly namespace?: string;
  readonly name: string;
}

/**
 * Deletes what an earlier apply with the same inventory made and these files no longer hold, then stores the new inventory:
 * a ConfigMap in the session's namespace. What could not be deleted stays in it, so that the next run tries again.
 */
export async function pruneByInventory(
  session: Session,
  targets: readonly Target[],
  options: { readonly isDryRun: boolean; readonly inventory?: string },
): Promise<void> {
  const name = options.inventory;
  if (name === undefined)
    throw new UsageError('--prune needs --inventory NAME: the list of what was applied is kept under that name');
  const client = await session.client();
  const mapper = await session.mapper();
  const namespace = await session.namespace();
  const stored = await client.get(configMaps, { name, namespace });
  const wanted = targets.map(({ object }) => entryOf(object));
  const gone = entriesOf(stored).filter((entry) => !wanted.some((other) => keyOf(other) === keyOf(entry)));
  const kept: InventoryEntry[] = [];
  for (const entry of gone) {
    const isPruned = await pruneOne(session, mapper, entry, options.isDryRun);
    if (!isPruned) kept.push(entry);
  }
  if (options.isDryRun) return;
  await client.apply(
    configMaps,
    {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name, namespace, labels: { [inventoryLabel]: 'wcpctl' } },
      data: { inventory: JSON.stringify([...wanted, ...kept]) },
    },
    { fieldManager: 'wcpctl-inventory', force: true },
  );
}

async function pruneOne(
  session: Session,
  mapper: RestMapper,
  entry: InventoryEntry,
  dryRun: boolean,
): Promise<boolean> {
  const type = mapper.ofKind(entry.apiVersion, entry.kind);
  if (type === undefined) return true;
  const client = await session.client();
  try {
    const key = { name: entry.name, namespace: entry.namespace };
    const live = await client.get(type, key);
    await client.delete(type, key, { propagationPolicy: 'Background', dryRun });
    if (live !== undefined)
      session.io.out(`${objectName(type, entry.name)} pruned${dryRun ? ' (server dry run)' : ''}\n`);
    return true;
  } catch (err) {
    session.io.err(
      `${objectName(type, entry.name)} could not be pruned: ${err instanceof Error ? err.message : String(err)}\n`,
    );
    return false;
  }
}

function entryOf({ apiVersion, kind, metadata }: KubeObject): InventoryEntry {
  return {
    apiVersion,
    kind,
    ...(metadata.namespace !== undefined && { namespace: metadata.namespace }),
    name: metadata.name,
  };
}

function keyOf({ apiVersion, kind, namespace, name }: InventoryEntry): string {
  return [apiVersion.split('/').slice(0, -1).join('/'), kind, namespace ?? '', name].join('|');
}

function entriesOf(configMap: KubeObject | undefined): readonly InventoryEntry[] {
  const text = (configMap?.['data'] as Readonly<Record<string, string>> | undefined)?.['inventory'];
  return text === undefined ? [] : (JSON.parse(text) as readonly InventoryEntry[]);
}
