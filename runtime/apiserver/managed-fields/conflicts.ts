import { ApiError } from '#runtime/base/errors.ts';
import { commonPaths } from './field-set.ts';
import type { FieldSet } from './field-set.ts';
import type { Manager } from './managers.ts';
import { printPath } from './path-element.ts';

/** A field that an apply would change and another manager owns. */
export interface Conflict {
  readonly manager: Manager;
  readonly path: readonly string[];
}

/** The fields among `touched` that managers own, manager by manager. */
export function findConflicts(managers: readonly Manager[], touched: FieldSet | undefined): readonly Conflict[] {
  return managers.flatMap((manager) => commonPaths(manager.set, touched).map((path) => ({ manager, path })));
}

/** 409 Conflict with one cause for each field, in Kubernetes' words. */
export function conflictError(conflicts: readonly Conflict[]): ApiError {
  const causes = conflicts.map(({ manager, path }) => ({
    reason: 'FieldManagerConflict',
    message: `conflict with ${printManager(manager)}`,
    field: printPath(path),
  }));
  return new ApiError(409, 'Conflict', conflictMessage(conflicts), { causes });
}

function conflictMessage(conflicts: readonly Conflict[]): string {
  const [only] = conflicts;
  if (only !== undefined && conflicts.length === 1) {
    return `Apply failed with 1 conflict: conflict with ${printManager(only.manager)}: ${printPath(only.path)}`;
  }
  const byManager = Map.groupBy(conflicts, ({ manager }) => printManager(manager));
  const parts = [...byManager.entries()]
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .flatMap(([manager, theirs]) => [
      `conflicts with ${manager}:`,
      ...theirs.map(({ path }) => `- ${printPath(path)}`),
    ]);
  return `Apply failed with ${conflicts.length} conflicts: ${parts.join('\n')}`;
}

function printManager(manager: Manager): string {
  const name = JSON.stringify(manager.name);
  const where = manager.subresource === '' ? name : `${name} with subresource ${JSON.stringify(manager.subresource)}`;
  return manager.operation === 'Update' ? `${where} using ${manager.apiVersion}` : where;
}
