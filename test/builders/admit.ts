import { compileSchema } from '#runtime/apiserver/schema/structural.ts';
import type { FieldFault } from '#runtime/base/errors.ts';
import { rootSchemaOf } from '#schemas/meta/crd.ts';
import type { KindDefinition, ResourceOf } from '#schemas/meta/kind.ts';
import type { Schema } from '#schemas/meta/schema.ts';

const roots = new WeakMap<KindDefinition, Schema>();

/** What the API server makes of a manifest: unknown fields dropped, defaults filled in, faults told. */
export interface Admitted<D extends KindDefinition> {
  readonly object: ResourceOf<D>;
  readonly faults: readonly FieldFault[];
  readonly pruned: readonly string[];
}

/** Prunes, defaults and validates a manifest with the very code of the API server. */
export function admit<D extends KindDefinition>(kind: D, manifest: object, old?: object): Admitted<D> {
  const root = roots.get(kind) ?? rootSchemaOf(kind);
  roots.set(kind, root);
  const compiled = compileSchema(root);
  const { object: known, unknown } = compiled.prune(manifest);
  const object = compiled.applyDefaults(known) as ResourceOf<D>;
  return { object, faults: compiled.validate(object, old), pruned: unknown };
}
