import type { Client } from '#runtime/client/client.ts';
import { resourceTypeOf } from '#runtime/client/resource-type.ts';
import type { Action } from '#runtime/plan/plan.ts';
import { findCondition } from '#schemas/meta/conditions.ts';
import { retainedDataKind, type RetainedData } from '#schemas/v1alpha1/retained-data.ts';

/** One RetainedData, as far as its deletion asks for. */
export interface KeptObject {
  readonly name: string;
  readonly uid: string;
  readonly isLeaving: boolean;
  /** The object has its data back. What comes from a file takes its time. */
  readonly isHandedBack: boolean;
}

export type KeptDeletion<Driver extends string> = Action<
  Driver,
  'delete-object',
  { readonly name: string; readonly uid: string }
>;

export function keptObjectOf({ metadata, spec, status }: RetainedData): KeptObject {
  return {
    name: metadata.name,
    uid: metadata.uid ?? '',
    isLeaving: metadata.deletionTimestamp !== undefined,
    isHandedBack:
      spec.database?.dumpPath === undefined || findCondition(status?.conditions, 'Ready')?.reason === 'HandedBack',
  };
}

/** Deletes those that nobody has deleted yet. */
export function keptDeletions<Driver extends string>(
  objects: readonly KeptObject[],
  { driver, reason }: { readonly driver: Driver; readonly reason: string },
): readonly KeptDeletion<Driver>[] {
  return objects
    .filter(({ isLeaving }) => !isLeaving)
    .map(({ name, uid }) => ({
      driver,
      op: 'delete-object',
      subject: `${retainedDataKind.kind}/${name}`,
      reason,
      disruption: 'none',
      changes: [],
      input: { name, uid },
    }));
}

export async function deleteKept(
  { input: { name, uid } }: KeptDeletion<string>,
  client: Client,
  signal: AbortSignal,
): Promise<void> {
  await client.delete(resourceTypeOf(retainedDataKind), { name }, { preconditions: { uid }, signal });
}
