import type { ResourceInfo, SubresourceInfo, Verb } from '#runtime/apiserver/operations.ts';
import { allVerbs } from '#runtime/apiserver/registry/custom-resource.ts';
import { lazySchema } from '#runtime/apiserver/registry/object-schema.ts';
import type { ObjectSchema, Resource } from '#runtime/apiserver/registry/resource.ts';
import { plainStrategy, type Strategy } from '#runtime/apiserver/registry/strategy.ts';
import { openingOf } from '#runtime/apiserver/registry/view.ts';
import { columnsOf } from '#runtime/apiserver/table/table.ts';
import { NO_FIELD } from '#runtime/validation/fault-words.ts';
import { metadataFields } from '#runtime/apiserver/verbs/field-selector.ts';
import { collectionOf } from '#runtime/storage/object-key.ts';
import type { KubeObject } from '#schemas/meta/object.ts';
import type { Schema } from '#schemas/meta/schema.ts';
import { roundTripObject } from './round-trip.ts';
import { builtinSchemas } from './schemas/index.ts';

/** One built-in kind, as a row of the table of built-in resources. */
export interface BuiltinRow {
  /** Empty for the core group. */
  readonly group?: string;
  readonly version?: string;
  readonly resource: string;
  readonly kind: string;
  readonly namespaced: boolean;
  readonly shortNames?: readonly string[];
  readonly categories?: readonly string[];
  /** All verbs of stored kinds when absent. */
  readonly verbs?: readonly Verb[];
  readonly strategy?: Strategy;
  readonly fields?: Readonly<Record<string, (object: KubeObject) => string>>;
  readonly subresources?: readonly (Pick<SubresourceInfo, 'name' | 'verbs'> & Partial<SubresourceInfo>)[];
  /** For a second view of a collection that another row stores. */
  readonly storedAs?: {
    readonly collection: string;
    readonly apiVersion: string;
    readonly conversion: NonNullable<Resource['conversion']>;
  };
}

const anything: Schema = { type: 'object', 'x-kubernetes-preserve-unknown-fields': true };

/** A row as a resource that can be served. */
export function builtinResource(row: BuiltinRow): Resource {
  const { group = '', version = 'v1', resource, kind, strategy = plainStrategy, storedAs } = row;
  const apiVersion = group === '' ? version : `${group}/${version}`;
  const schema = builtinSchemas[`${group === '' ? 'core' : group}/${version}/${kind}`] ?? anything;
  const compiled = structSchema(schema);
  return {
    info: infoOf(row, schema),
    apiVersion,
    storedApiVersion: storedAs?.apiVersion ?? apiVersion,
    custom: false,
    schema: compiled,
    typeProblem: (object) => typeProblemOf(compiled, object),
    strategy,
    fields: { ...metadataFields, ...row.fields },
    indexedFields: new Set(),
    columns: columnsOf({ group, resource }),
    scale: undefined,
    settledRevision: 0,
    warnings: [],
    terminating: false,
    mixed: false,
    opening: openingOf(apiVersion, kind),
    views: new WeakMap(),
    ...(storedAs === undefined ? {} : { conversion: storedAs.conversion }),
  };
}

/** The schema at work, with what Kubernetes makes of an object by reading it into a struct. */
function structSchema(schema: Schema): ObjectSchema {
  const compiled = lazySchema(schema);
  return {
    ...compiled,
    prune: (object) => {
      const { object: pruned, unknown } = compiled.prune(object);
      return { object: roundTripObject(schema, pruned), unknown };
    },
  };
}

const rowDefaults = {
  group: '',
  version: 'v1',
  shortNames: [],
  categories: [],
  verbs: allVerbs,
  subresources: [],
} as const;

function infoOf(row: BuiltinRow, schema: Schema): ResourceInfo {
  const { group, version, resource, kind, namespaced, shortNames, categories, verbs, subresources } = {
    ...rowDefaults,
    ...row,
  };
  return {
    group,
    version,
    resource,
    singular: kind.toLowerCase(),
    kind,
    listKind: `${kind}List`,
    namespaced,
    shortNames,
    categories,
    verbs,
    subresources: subresources.map((part) => ({ kind, group, version, ...part })),
    schema,
    collection: row.storedAs?.collection ?? collectionOf(group, resource),
  };
}

/** Built-in kinds are typed: a value of another type does not come as far as validation. */
function typeProblemOf(schema: ObjectSchema, object: KubeObject): string | undefined {
  // A number that its type cannot hold is told of no field.
  const wrong = schema
    .validate(object)
    .find(({ reason, field }) => reason === 'FieldValueTypeInvalid' || field === NO_FIELD);
  return wrong === undefined
    ? undefined
    : `json: cannot unmarshal into field ${object.kind}.${wrong.field}: ${wrong.message}`;
}
