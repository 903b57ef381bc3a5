import { scaleFaults } from './scale-rules.ts';
import type { ResourceInfo, SubresourceInfo, Verb } from '#runtime/apiserver/operations.ts';
import { columnsOf } from '#runtime/apiserver/table/table.ts';
import { isRecord } from '#runtime/base/json.ts';
import { collectionOf } from '#runtime/storage/object-key.ts';
import type { KubeObject } from '#schemas/meta/object.ts';
import type { Schema } from '#schemas/meta/schema.ts';
import type { DefinitionSpec, DefinitionVersion } from './definition.ts';
import { lazySchema } from './object-schema.ts';
import type { Resource, ScalePaths } from './resource.ts';
import { metadataFields } from '#runtime/apiserver/verbs/field-selector.ts';
import { plainStrategy } from './strategy.ts';
import { openingOf } from './view.ts';

/** The verbs of every stored kind, in the order in which discovery tells them. */
export const allVerbs: readonly Verb[] = [
  'delete',
  'deletecollection',
  'get',
  'list',
  'patch',
  'create',
  'update',
  'watch',
];
const terminatingVerbs: readonly Verb[] = ['delete', 'deletecollection', 'get', 'list', 'watch'];
const partVerbs: readonly Verb[] = ['get', 'patch', 'update'];

const anything: Schema = { type: 'object', 'x-kubernetes-preserve-unknown-fields': true };

/** What of a definition is not in its spec. */
export interface DefinitionState {
  readonly terminating: boolean;
  /** Objects stored earlier may not be as the schema wants them. */
  readonly settledRevision: number;
  /** Versions in which objects may be stored. */
  readonly storedVersions: readonly string[];
}

/** One version of a definition, ready to be served. Its schema is compiled when it is first needed. */
export function customResource(spec: DefinitionSpec, version: DefinitionVersion, state: DefinitionState): Resource {
  const apiVersion = `${spec.group}/${version.name}`;
  const storage = spec.versions.find((candidate) => candidate.storage) ?? version;
  const schema = version.schema?.openAPIV3Schema ?? anything;
  const selectable = (version.selectableFields ?? []).map(({ jsonPath }) => jsonPath.replace(/^\./u, ''));
  return {
    info: infoOf(spec, version, schema, state.terminating),
    apiVersion,
    storedApiVersion: `${spec.group}/${storage.name}`,
    custom: true,
    schema: lazySchema(schema),
    typeProblem: () => undefined,
    strategy: {
      ...plainStrategy,
      qualifiedFinalizers: false,
      status: version.subresources?.status !== undefined,
      generation: true,
      unconditionalUpdate: false,
      validate: (object) => scaleFaults(scalePathsOf(version), object),
    },
    fields: { ...metadataFields, ...Object.fromEntries(selectable.map((path) => [path, pathReader(path)])) },
    indexedFields: new Set(selectable),
    columns: columnsOf({
      group: spec.group,
      resource: spec.names.plural,
      additionalPrinterColumns: version.additionalPrinterColumns,
    }),
    scale: scalePathsOf(version),
    settledRevision: state.settledRevision,
    warnings:
      version.deprecated === true
        ? [version.deprecationWarning ?? `${apiVersion} ${spec.names.kind} is deprecated`]
        : [],
    terminating: state.terminating,
    mixed: state.storedVersions.some((stored) => stored !== version.name),
    opening: openingOf(apiVersion, spec.names.kind),
    views: new WeakMap(),
  };
}

function infoOf(spec: DefinitionSpec, version: DefinitionVersion, schema: Schema, terminating: boolean): ResourceInfo {
  const { names, group, scope } = spec;
  return {
    group,
    version: version.name,
    resource: names.plural,
    singular: names.singular ?? names.kind.toLowerCase(),
    kind: names.kind,
    listKind: names.listKind ?? `${names.kind}List`,
    namespaced: scope === 'Namespaced',
    shortNames: names.shortNames ?? [],
    categories: names.categories ?? [],
    verbs: terminating ? terminatingVerbs : allVerbs,
    subresources: subresourcesOf(spec, version),
    schema,
    collection: collectionOf(group, names.plural),
    custom: true,
  };
}

function subresourcesOf(spec: DefinitionSpec, version: DefinitionVersion): readonly SubresourceInfo[] {
  const { status, scale } = version.subresources ?? {};
  return [
    ...(status === undefined
      ? []
      : [{ name: 'status', kind: spec.names.kind, group: spec.group, version: version.name, verbs: partVerbs }]),
    ...(scale === undefined
      ? []
      : [{ name: 'scale', kind: 'Scale', group: 'autoscaling', version: 'v1', verbs: partVerbs }]),
  ];
}

function scalePathsOf(version: DefinitionVersion): ScalePaths | undefined {
  const scale = version.subresources?.scale;
  if (scale === undefined) return undefined;
  return {
    specReplicas: fieldNames(scale.specReplicasPath),
    statusReplicas: fieldNames(scale.statusReplicasPath),
    labelSelector: scale.labelSelectorPath === undefined ? undefined : fieldNames(scale.labelSelectorPath),
  };
}

function fieldNames(path: string): readonly string[] {
  return path.replace(/^\./u, '').split('.');
}

/** Reads a scalar by its path as selectors compare it; absent is the empty string. */
export function pathReader(path: string): (object: KubeObject) => string {
  const names = fieldNames(path);
  return (object) => {
    let value: unknown = object;
    for (const name of names) value = isRecord(value) ? value[name] : undefined;
    return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean' ? String(value) : '';
  };
}
