import { isEqual } from '#runtime/base/json.ts';
import type { ResourceInfo } from '#runtime/apiserver/operations.ts';
import { compareVersions } from '#runtime/apiserver/discovery/version-order.ts';
import { fieldIndex } from '#runtime/apiserver/verbs/selection.ts';
import type { CachedObject, WatchCache } from '#runtime/storage/cache.ts';
import { customResource, pathReader, type DefinitionState } from './custom-resource.ts';
import { definitionCollection, hasCondition, specOf, storedVersionsOf, type DefinitionSpec } from './definition.ts';
import type { Resource } from './resource.ts';

/**
 * All resources that are served: the built-in ones, and those of CustomResourceDefinitions as the watch cache has them at this moment.
 * There is nothing to keep in step: a changed definition is seen by the next look-up after the cache has it.
 */
export interface Registry {
  lookup(group: string, version: string, resource: string): Resource | undefined;
  /** The best version of a resource. */
  preferred(group: string, resource: string): Resource | undefined;
  /** What discovery tells of; the same list as long as nothing changes. */
  infos(): readonly ResourceInfo[];
  /** The preferred version of everything that is served. */
  preferredResources(): readonly Resource[];
}

/** The resources of one definition, and what they were made from. */
interface Served {
  readonly cached: CachedObject;
  readonly spec: DefinitionSpec | undefined;
  readonly settledRevision: number;
  readonly terminating: boolean;
  readonly storedVersions: readonly string[];
  readonly established: boolean;
  /** Served versions, best first. */
  readonly resources: readonly Resource[];
}

export function createRegistry(cache: WatchCache, builtIn: readonly Resource[]): Registry {
  const builtIns = new Map(
    builtIn.map((resource) => [pathOf(resource.info.group, resource.info.version, resource.info.resource), resource]),
  );
  const definitions = new Map<string, Served>();
  const indexed = new Set<string>();
  let told: { readonly from: readonly Served[]; readonly infos: readonly ResourceInfo[] } | undefined;

  const serve = (cached: CachedObject): Served => {
    const known = definitions.get(cached.name);
    if (known?.cached === cached) return known;
    const served = servedFrom(cached, known);
    definitions.set(cached.name, served);
    defineIndexes(cache, served, indexed);
    return served;
  };
  const definitionOf = (group: string, resource: string): Served | undefined => {
    const name = `${resource}.${group}`;
    const cached = cache.get(definitionCollection, '', name);
    if (cached !== undefined) return serve(cached);
    definitions.delete(name);
    return undefined;
  };
  const allServed = (): readonly Served[] => Array.from(cache.list(definitionCollection), serve);

  return {
    lookup: (group, version, resource) =>
      builtIns.get(pathOf(group, version, resource)) ??
      definitionOf(group, resource)?.resources.find(({ info }) => info.version === version),
    preferred: (group, resource) =>
      builtIn.find(({ info }) => info.group === group && info.resource === resource) ??
      definitionOf(group, resource)?.resources[0],
    infos: () => {
      const from = allServed();
      if (told === undefined || !isSameList(told.from, from)) {
        const custom = from.filter(({ established }) => established).flatMap(({ resources }) => resources);
        told = { from, infos: [...builtIn, ...custom].map(({ info }) => info) };
      }
      return told.infos;
    },
    preferredResources: () => [
      ...firstVersions(builtIn),
      ...allServed().flatMap(({ resources }) => resources.slice(0, 1)),
    ],
  };
}

function pathOf(group: string, version: string, resource: string): string {
  return `${group}/${version}/${resource}`;
}

function isSameList(a: readonly Served[], b: readonly Served[]): boolean {
  return a.length === b.length && a.every((served, index) => served === b[index]);
}

function firstVersions(resources: readonly Resource[]): readonly Resource[] {
  const seen = new Set<string>();
  return resources.filter(({ info }) => {
    const isNew = !seen.has(`${info.group}/${info.resource}`);
    seen.add(`${info.group}/${info.resource}`);
    return isNew;
  });
}

/** A definition whose spec is the same keeps its compiled resources; a changed schema counts from the revision of the change. */
function servedFrom(cached: CachedObject, known: Served | undefined): Served {
  const { object } = cached;
  const spec = specOf(object);
  const terminating = object.metadata.deletionTimestamp !== undefined;
  const established = hasCondition(object, 'Established');
  const accepted = established || hasCondition(object, 'NamesAccepted');
  const isSameSpec = known !== undefined && isEqual(known.spec, spec);
  const settledRevision = isSameSpec ? known.settledRevision : cached.revision;
  const storedVersions = storedVersionsOf(object);
  const isSameState = known?.terminating === terminating && isEqual(known.storedVersions, storedVersions);
  const keeps = isSameSpec && isSameState && known.resources.length > 0;
  const resources = keeps ? known.resources : resourcesOf(spec, { terminating, settledRevision, storedVersions });
  return {
    cached,
    spec,
    settledRevision,
    terminating,
    storedVersions,
    established,
    resources: accepted ? resources : [],
  };
}

function resourcesOf(spec: DefinitionSpec | undefined, state: DefinitionState): readonly Resource[] {
  if (spec === undefined) return [];
  return spec.versions
    .filter(({ served }) => served)
    .toSorted((a, b) => compareVersions(a.name, b.name))
    .map((version) => customResource(spec, version, state));
}

function defineIndexes(cache: WatchCache, served: Served, indexed: Set<string>): void {
  for (const { info, indexedFields } of served.resources) {
    for (const field of indexedFields) {
      const mark = `${info.collection} ${field}`;
      if (indexed.has(mark)) continue;
      indexed.add(mark);
      const read = pathReader(field);
      cache.defineIndex(info.collection, { name: fieldIndex(field), valuesOf: (object) => [read(object)] });
    }
  }
}
