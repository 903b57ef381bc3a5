import { compileSchema } from '#runtime/apiserver/schema/structural.ts';
import type { Schema } from '#schemas/meta/schema.ts';
import type { ObjectSchema } from './resource.ts';

/** The schema at work, compiled when it is first needed: most versions of most definitions never are. */
export function lazySchema(schema: Schema): ObjectSchema {
  let compiled: ObjectSchema | undefined;
  const ready = (): ObjectSchema => (compiled ??= compileSchema(schema));
  return {
    prune: (object) => ready().prune(object),
    applyDefaults: (object) => ready().applyDefaults(object),
    validate: (object, old, known) => ready().validate(object, old, known),
  };
}
