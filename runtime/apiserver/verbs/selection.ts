import type { Resource } from '#runtime/apiserver/registry/resource.ts';
import { viewOf } from '#runtime/apiserver/registry/view.ts';
import type { CachedObject, WatchCache } from '#runtime/storage/cache.ts';
import type { KubeObject } from '#schemas/meta/object.ts';
import { matchesFields, metadataFields, parseFieldSelector, type FieldRequirement } from './field-selector.ts';
import { matchesLabels, parseLabelSelector, type LabelRequirement } from './label-selector.ts';
import { parseListOptions, parseRevision, type ListOptions } from './list-options.ts';

/** What a list, watch or deletecollection is about. */
export interface Selection {
  readonly resource: Resource;
  /** Empty: all namespaces, or a cluster-scoped kind. */
  readonly namespace: string;
  readonly labels: readonly LabelRequirement[];
  readonly fields: readonly FieldRequirement[];
  /** No selector at all: every object of the place. */
  readonly everything: boolean;
}

interface ListRequest {
  readonly query: URLSearchParams;
  readonly attributes: { readonly namespace: string };
}

/** Reads the query of a list, watch or deletecollection of a kind. */
export function readListQuery(
  { query, attributes }: ListRequest,
  resource: Resource,
  watch: boolean,
): { readonly options: ListOptions; readonly selection: Selection } {
  const options = parseListOptions(query, watch);
  const selection = selectionOf(resource, attributes.namespace, options);
  return { selection, options: { ...options, resourceVersion: parseRevision(query.get('resourceVersion')) } };
}

type Selectors = Pick<ListOptions, 'labelSelector' | 'fieldSelector'>;

/** Reads both selectors; 400 for what the kind does not support. */
function selectionOf(resource: Resource, namespace: string, options: Selectors): Selection {
  const hasOwn = resource.custom || Object.keys(resource.fields).length > Object.keys(metadataFields).length;
  // Kinds with fields of their own know of no namespace where they have none; any other kind takes the question.
  const isPlaceless = hasOwn && !resource.info.namespaced;
  const supported = (field: string): boolean =>
    Object.hasOwn(resource.fields, field) && !(isPlaceless && field === 'metadata.namespace');
  const labels = options.labelSelector === '' ? [] : parseLabelSelector(options.labelSelector);
  const fields = options.fieldSelector === '' ? [] : parseFieldSelector(options.fieldSelector, { supported, hasOwn });
  const place = resource.info.namespaced ? namespace : '';
  return { resource, namespace: place, labels, fields, everything: labels.length + fields.length === 0 };
}

/** Whether an object that is in the right collection belongs to the selection. */
export function selects(selection: Selection, cached: CachedObject): boolean {
  if (selection.namespace !== '' && cached.namespace !== selection.namespace) return false;
  return selection.everything || matches(selection, viewOf(selection.resource, cached).object);
}

function matches(selection: Selection, object: KubeObject): boolean {
  return (
    matchesLabels(selection.labels, object.metadata.labels) &&
    matchesFields(selection.fields, selection.resource.fields, object)
  );
}

/** The index that every collection gets with its first query by label: `key=value` of all labels. */
const labelIndex = 'labels';
/** Up to this many objects, looking at each is cheaper than keeping an index. */
const scanBelow = 200;

const labelled = new WeakMap<WatchCache, Set<string>>();

/** Objects that may belong to a selection, in key order: by an index where one helps, else all of the place. */
export function candidates(cache: WatchCache, selection: Selection): Iterable<CachedObject> {
  const { resource, namespace } = selection;
  const { collection } = resource.info;
  if (selection.everything) return cache.list(collection, namespace);
  const byName = selection.fields.find(({ field, equal }) => field === 'metadata.name' && equal);
  if (byName !== undefined && (namespace !== '' || !resource.info.namespaced)) {
    const found = cache.get(collection, namespace, byName.value);
    return found === undefined ? [] : [found];
  }
  if (cache.count(collection, namespace) <= scanBelow) return cache.list(collection, namespace);
  const indexed = indexedCandidates(cache, selection);
  return indexed ?? cache.list(collection, namespace);
}

function indexedCandidates(cache: WatchCache, selection: Selection): Iterable<CachedObject> | undefined {
  const { resource, fields, labels } = selection;
  const { collection } = resource.info;
  const field = fields.find((requirement) => requirement.equal && resource.indexedFields.has(requirement.field));
  if (field !== undefined)
    return inNamespace(cache.byIndex(collection, fieldIndex(field.field), field.value), selection.namespace);
  const label = labels.find(({ operator, values }) => operator === 'in' && values.size === 1);
  if (label === undefined) return undefined;
  requireLabelIndex(cache, collection);
  const [value = ''] = label.values;
  return inNamespace(cache.byIndex(collection, labelIndex, `${label.key}=${value}`), selection.namespace);
}

/** The name of the index over a selectable field. */
export function fieldIndex(field: string): string {
  return `field:${field}`;
}

function requireLabelIndex(cache: WatchCache, collection: string): void {
  const known = labelled.get(cache) ?? new Set();
  labelled.set(cache, known);
  if (known.has(collection)) return;
  known.add(collection);
  const valuesOf = (object: KubeObject): readonly string[] =>
    Object.entries(object.metadata.labels ?? {}).map(([key, value]) => `${key}=${value}`);
  cache.defineIndex(collection, { name: labelIndex, valuesOf });
}

function* inNamespace(objects: Iterable<CachedObject>, namespace: string): Iterable<CachedObject> {
  for (const cached of objects) if (namespace === '' || cached.namespace === namespace) yield cached;
}
