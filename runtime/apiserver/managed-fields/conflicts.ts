import { ApiError } from '#runtime/base/errors.ts';
import { maxFaults, toldFaults } from '#runtime/apiserver/http/api-errors.ts';
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
  const told = conflicts.slice(0, maxFaults);
  const causes = told.map(({ manager, path }) => ({
    reason: 'FieldManagerConflict',
    message: `conflict with ${printManager(manager)}`,
    field: printPath(path),
  }));
  const more = conflicts.length > told.length ? '\nand more conflicts' : '';
  return new ApiError(409, 'Conflict', `${conflictMessage(told, conflicts.length)}${more}`, {
    causes: toldFaults(causes),
  });
}

/** `count`: how many there are, those that are not told included. */
function conflictMessage(conflicts: readonly Conflict[], count: number): string {
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
  return `Apply failed with ${count} conflicts: ${parts.join('\n')}`;
}

function printManager(manager: Manager): string {
  const name = JSON.stringify(manager.name);
  const where = manager.subresource === '' ? name : `${name} with subresource ${JSON.stringify(manager.subresource)}`;
  return manager.operation === 'Update' ? `${where} using ${manager.apiVersion}` : where;
}
