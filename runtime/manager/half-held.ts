import { isRecord } from '#runtime/base/json.ts';
import type { KubeObject } from '#schemas/meta/object.ts';

const conditionKey = /^k:\{"type":"([^"]+)"\}$/;

/**
 * Types of conditions that `manager` said, while another manager holds their key and nothing else of them: what it said before, and was overruled in. When
 * `manager` lets go of such a one, a condition without a status is left, which no server takes.
 */
export function halfHeldConditions(object: KubeObject, manager: string): ReadonlySet<string> {
  const said = new Set<string>();
  const half = new Set<string>();
  for (const entry of object.metadata.managedFields ?? []) {
    if (entry.subresource !== 'status') continue;
    for (const [type, fields] of conditionsIn(entry.fieldsV1)) {
      if (entry.manager === manager) said.add(type);
      else if (fields['f:reason'] === undefined) half.add(type);
    }
  }
  return half.intersection(said);
}

function conditionsIn(fields: unknown): readonly (readonly [string, Readonly<Record<string, unknown>>])[] {
  const status = isRecord(fields) ? fields['f:status'] : undefined;
  const conditions = isRecord(status) ? status['f:conditions'] : undefined;
  if (!isRecord(conditions)) return [];
  return Object.entries(conditions).flatMap(([key, value]) => {
    const type = conditionKey.exec(key)?.[1];
    return type === undefined || !isRecord(value) ? [] : [[type, value] as const];
  });
}
