import type { Schema } from '#schemas/meta/schema.ts';

/**
 * How Kubernetes holds a field in memory, which no published schema says and every answer shows (see round-trip.ts).
 *
 * `struct`: the kind is read into a struct at all. `always`: written even when it was never set. `pointer`: written whenever it was given, be it empty;
 * anything else is written when it is not empty. `micro`: a time with microseconds. `quantity`: an amount, spelled in one way.
 * `replaced`: a list by keys that a strategic merge patch does not know for one.
 */
export type Trait = 'struct' | 'always' | 'pointer' | 'micro' | 'quantity' | 'replaced';

const traits = new WeakMap<Schema, ReadonlySet<Trait>>();

/** A copy of a schema with one more trait: schemas are shared by fields that are held in different ways. */
export function held(trait: Trait, schema: Schema): Schema {
  const own = { ...schema };
  traits.set(own, new Set(traits.get(schema)).add(trait));
  return own;
}

export function isHeld(trait: Trait, schema: Schema): boolean {
  return traits.get(schema)?.has(trait) === true;
}
