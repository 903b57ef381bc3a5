import { apiVersionOf, type KindDefinition } from '#schemas/meta/kind.ts';
import { LABELS, MANAGED_BY } from '#schemas/meta/names.ts';
import type { KubeObject } from '#schemas/meta/object.ts';

/** An object that the leader makes, and says so. */
export function managedObject(
  kind: KindDefinition,
  place: { readonly name: string; readonly namespace?: string },
  body: object,
): KubeObject {
  const metadata = { ...place, labels: { [LABELS.managedBy]: MANAGED_BY } };
  return { apiVersion: apiVersionOf(kind), kind: kind.kind, metadata, ...body };
}
