import type { KubeObject } from '#schemas/meta/object.ts';
import { objectName } from '#runtime/cli/api/rest-mapper.ts';
import { UsageError } from '#runtime/cli/io.ts';
import type { Session } from '#runtime/cli/session.ts';
import { formatEntry, inventoryOf, surplusOf, type InventoryEntry } from '#runtime/manifests/inventory.ts';
import { pruneOne } from '#runtime/manifests/prune.ts';
import type { Target } from '#runtime/manifests/target.ts';

const configMaps = { group: '', version: 'v1', resource: 'configmaps', kind: 'ConfigMap', namespaced: true } as const;
const inventoryLabel = 'app.kubernetes.io/managed-by';

interface PruneCommand {
  readonly isDryRun: boolean;
  readonly fieldManager: string;
  readonly inventory?: string;
}

/**
 * Deletes what an earlier apply with the same inventory made and these files no longer hold, then stores the new inventory:
 * a ConfigMap in the session's namespace. What could not be deleted stays in it, so that the next run tries again.
 */
export async function pruneByInventory(
  session: Session,
  targets: readonly Target[],
  command: PruneCommand,
): Promise<void> {
  const name = command.inventory;
  if (name === undefined)
    throw new UsageError('--prune needs --inventory NAME: the list of what was applied is kept under that name');
  const client = await session.client();
  const namespace = await session.namespace();
  const stored = entriesOf(await client.get(configMaps, { name, namespace }));
  const wanted = inventoryOf(targets);
  const kept: string[] = [];
  for (const entry of surplusOf(stored, wanted)) {
    if (!(await prune(session, entry, command))) kept.push(formatEntry(entry));
  }
  if (command.isDryRun) return;
  const labels = { [inventoryLabel]: 'wcpctl' };
  const inventory = JSON.stringify([...wanted, ...kept]);
  await client.apply(
    configMaps,
    { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, namespace, labels }, data: { inventory } },
    { fieldManager: 'wcpctl-inventory', force: true },
  );
}

/** Says what became of one object; false when it is to be tried again. */
async function prune(session: Session, entry: InventoryEntry, command: PruneCommand): Promise<boolean> {
  const { resources } = await session.mapper();
  const { fieldManager, isDryRun } = command;
  const result = await pruneOne(await session.client(), entry, { resources, fieldManager, dryRun: isDryRun });
  const type = resources.find(({ group, kind }) => group === entry.group && kind === entry.kind);
  const name = type === undefined ? formatEntry(entry) : objectName(type, entry.name);
  switch (result.outcome) {
    case 'pruned':
      session.io.out(`${name} pruned${isDryRun ? ' (server dry run)' : ''}\n`);
      return true;
    case 'gone':
      return true;
    case 'left':
      session.io.err(`${name} is left: somebody else has made or applied it since\n`);
      return true;
    case 'failed':
      session.io.err(`${name} could not be pruned: ${result.message}\n`);
      return false;
  }
}

function entriesOf(configMap: KubeObject | undefined): readonly string[] {
  const text = (configMap?.['data'] as Readonly<Record<string, string>> | undefined)?.['inventory'];
  return text === undefined ? [] : (JSON.parse(text) as readonly string[]);
}
