import type { FieldFault } from '#runtime/base/errors.ts';
import { invalid } from '#runtime/validation/faults.ts';
import { NO_FIELD, type LocatedFault } from '#runtime/validation/fault-words.ts';
import { compileLocatingValidator } from '#runtime/validation/json-schema.ts';
import { plainSchemaOf } from '#runtime/validation/plain-schema.ts';
import type { Schema } from '#schemas/meta/schema.ts';
import { compileRules, type CompiledRules } from './cel/rules.ts';
import { compileDefaulter } from './defaults.ts';
import { compileEmbeddedResources } from './embedded-resources.ts';
import { compileListTypes } from './list-types.ts';
import { compilePruner, type Pruned } from './prune.ts';
import { withoutUnchanged } from './ratcheting.ts';

/**
 * What the API server does with an object by its structural schema. Flow of a write: prune → applyDefaults → validate; of a read from the
 * store: prune → applyDefaults. Objects are never changed in place; what a step leaves as it is comes back as the very same value.
 * Each part is compiled when it is first used. `metadata` of the object itself is checked elsewhere (E4), unless the schema restricts it.
 */
export interface CompiledSchema {
  readonly schema: Schema;
  readonly prune: <T extends object>(object: T) => Pruned<T>;
  readonly applyDefaults: <T extends object>(object: T) => T;
  /**
   * Faults of an object after pruning and defaulting, at most a few dozen. With `old`, transition rules are checked and faults of parts
   * that did not change are left out. Never throws, whatever the object is.
   */
  readonly validate: (object: unknown, old?: unknown, known?: KnownFaults) => readonly FieldFault[];
}

/** What was found out about an object by others. */
export interface KnownFaults {
  /** Some faults leave rules unchecked, whoever found them. They are not told again. */
  readonly found?: readonly FieldFault[];
  /** Of another kind: only embedded resources, list types and rules are checked. */
  readonly isForeign?: boolean;
}

/** Faults that leave CEL rules unchecked, because the rules are typed by the schema that the object breaks. */
const BLOCKING = new Set([
  'FieldValueRequired',
  'FieldValueNotSupported',
  'FieldValueTooLong',
  'FieldValueTooMany',
  'FieldValueTypeInvalid',
]);

const UNCHECKED = invalid(
  NO_FIELD,
  null,
  'some validation rules were not checked because the object was invalid; correct the existing errors to complete validation',
);

const compiled = new WeakMap<Schema, CompiledSchema>();

/** The same schema value gives the same compiled schema. */
export function compileSchema(schema: Schema): CompiledSchema {
  const known = compiled.get(schema);
  if (known !== undefined) return known;
  const fresh = compile(schema);
  compiled.set(schema, fresh);
  return fresh;
}

function compile(schema: Schema): CompiledSchema {
  const prune = lazy(() => compilePruner(schema));
  const applyDefaults = lazy(() => compileDefaulter(schema));
  const parts: Parts = {
    schema,
    shape: lazy(() => compileLocatingValidator(plainSchemaOf(schema))),
    embedded: lazy(() => compileEmbeddedResources(schema)),
    listTypes: lazy(() => compileListTypes(schema)),
    rules: lazy(() => compileRules(schema)),
  };
  return {
    schema,
    prune: (object) => prune()(object),
    applyDefaults: (object) => applyDefaults()(object),
    validate: (object, old, known = {}) => validate(parts, { object, old }, known),
  };
}

interface Parts {
  readonly schema: Schema;
  readonly shape: () => (object: unknown) => readonly LocatedFault[];
  readonly embedded: () => ((object: unknown) => readonly LocatedFault[]) | undefined;
  readonly listTypes: () => ((object: unknown) => readonly LocatedFault[]) | undefined;
  readonly rules: () => CompiledRules | undefined;
}

interface Subject {
  readonly object: unknown;
  readonly old: unknown;
}

function validate(
  parts: Parts,
  subject: Subject,
  { found = [], isForeign = false }: KnownFaults,
): readonly FieldFault[] {
  const faults = shapeFaults(parts, subject, isForeign);
  const rules = parts.rules();
  if (rules === undefined) return faults;
  if ([...found, ...faults].some(({ reason }) => BLOCKING.has(reason))) return [...faults, UNCHECKED];
  const broken = rules.check(subject.object, subject.old);
  return broken.length === 0 ? faults : [...faults, ...broken];
}

function shapeFaults(parts: Parts, { object, old }: Subject, isForeign: boolean): readonly FieldFault[] {
  const ownFaults = [...(parts.embedded()?.(object) ?? []), ...(parts.listTypes()?.(object) ?? [])];
  const found = isForeign ? ownFaults : [...parts.shape()(object), ...ownFaults];
  const kept =
    old === undefined || found.length === 0 ? found : withoutUnchanged(found, { schema: parts.schema, object, old });
  return kept.map(({ fault }) => fault);
}

function lazy<T>(make: () => T): () => T {
  let made: { readonly value: T } | undefined;
  return () => {
    made ??= { value: make() };
    return made.value;
  };
}
