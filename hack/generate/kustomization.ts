import { join } from 'node:path';
import { parse, parseAllDocuments } from 'yaml';
import { isRecord } from '#runtime/base/json.ts';
import type { KubeObject } from '#schemas/meta/object.ts';

/** What the Kustomizations of manifests/ say; test/cluster/manifests.test.ts compares what is made of it with what kustomize makes. */
interface Kustomization {
  readonly resources?: readonly string[];
  readonly patches?: readonly { readonly path: string }[];
  readonly images?: readonly { readonly name: string; readonly newName: string; readonly newTag: string }[];
}

/** The text of a file, by its path below the checkout. */
export type Reader = (path: string) => string;

/** The objects of a directory with a Kustomization. */
export function renderKustomization(directory: string, read: Reader): readonly KubeObject[] {
  const { resources = [], patches = [], images = [] } = parse(read(join(directory, 'Kustomization'))) as Kustomization;
  const objectsIn = (path: string): readonly KubeObject[] =>
    [...parseAllDocuments(read(path))].map((document) => document.toJS() as KubeObject);
  const objects = resources
    .map((name) => join(directory, name))
    .flatMap((path) => (path.endsWith('.yaml') ? objectsIn(path) : renderKustomization(path, read)));
  const changes = new Map(
    patches.flatMap(({ path }) => objectsIn(join(directory, path))).map((object) => [keyOf(object), object]),
  );
  const names = new Map(images.map(({ name, newName, newTag }) => [name, `${newName}:${newTag}`]));
  return objects.map((object) => withImages(merged(object, changes.get(keyOf(object)) ?? {}), names) as KubeObject);
}

/** Kind, namespace and name: which object it is. */
export function keyOf({ kind, metadata }: KubeObject): string {
  return `${kind}/${metadata.namespace ?? ''}/${metadata.name}`;
}

/** A strategic merge as far as our patches go: mappings by key, lists of what has a name by name, new names first; any other value is replaced. */
function merged(value: unknown, change: unknown): unknown {
  if (isRecord(value) && isRecord(change)) {
    const changed = Object.entries(change).map(([key, part]) => [key, merged(value[key], part)]);
    return { ...value, ...Object.fromEntries(changed) };
  }
  if (isNamedList(value) && isNamedList(change)) {
    const isIn = (list: typeof value, name: string): boolean => list.some((item) => item.name === name);
    return [
      ...change.filter(({ name }) => !isIn(value, name)),
      ...value.map((item) => merged(item, change.find(({ name }) => name === item.name) ?? {})),
    ];
  }
  return change;
}

function isNamedList(value: unknown): value is readonly { readonly name: string }[] {
  return Array.isArray(value) && value.every((item) => isRecord(item) && typeof item['name'] === 'string');
}

function withImages(value: unknown, names: ReadonlyMap<string, string>): unknown {
  if (Array.isArray(value)) return value.map((item) => withImages(item, names));
  if (!isRecord(value)) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, part]) => [
      key,
      key === 'image' && typeof part === 'string' ? (names.get(part) ?? part) : withImages(part, names),
    ]),
  );
}
