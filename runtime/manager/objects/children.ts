import type { Action } from '#runtime/plan/plan.ts';
import type { ObjectKey } from '#runtime/client/client.ts';
import { ownerId, type Owner } from '#runtime/drivers/driver.ts';
import type { KindDefinition } from '#schemas/meta/kind.ts';
import { ANNOTATIONS } from '#schemas/meta/names.ts';
import type { KubeObject } from '#schemas/meta/object.ts';

/** Child objects of one owner: `<group>/<kind>/<namespace>/<name>` → manifest (wanted) or live object (found). */
export type Children = ReadonlyMap<string, KubeObject>;

export type ObjectsAction<Name extends string = string> =
  | Action<Name, 'apply-object', { readonly owner: string; readonly manifest: KubeObject; readonly isNew: boolean }>
  | Action<
      Name,
      'delete-object',
      {
        readonly owner: string;
        readonly group: string;
        readonly kind: string;
        readonly key: ObjectKey;
        readonly uid: string;
      }
    >;

/** The wanted state that consists of these manifests. */
export function childrenOf(manifests: readonly KubeObject[]): Children {
  return new Map(manifests.map((manifest) => [childKeyOf(manifest), manifest]));
}

/** Where an object stands in a state of children. */
export function childKeyOf(object: KubeObject): string {
  const { namespace = '', name } = object.metadata;
  return `${groupOf(object)}/${object.kind}/${namespace}/${name}`;
}

/** Empty for the core group. */
export function groupOf(object: KubeObject): string {
  const slash = object.apiVersion.indexOf('/');
  return slash < 0 ? '' : object.apiVersion.slice(0, slash);
}

/** The manifest with the mark of its owner. */
export function marked(owner: Owner, manifest: KubeObject): KubeObject {
  const { metadata } = manifest;
  return {
    ...manifest,
    metadata: { ...metadata, annotations: { ...metadata.annotations, [ANNOTATIONS.owner]: ownerId(owner) } },
  };
}

/** The owner for whom `manager` made the object; `undefined` when it did not: both the mark and an entry in managedFields are needed. */
export function markedOwner(object: KubeObject, manager: string): string | undefined {
  const owner = object.metadata.annotations?.[ANNOTATIONS.owner];
  if (owner === undefined) return undefined;
  return object.metadata.managedFields?.some((entry) => entry.manager === manager) === true ? owner : undefined;
}

/** The definition of an object's kind among those that a driver was made for. */
export function kindOf(kinds: readonly KindDefinition[], group: string, kind: string): KindDefinition | undefined {
  return kinds.find((known) => known.kind === kind && known.group === group);
}
