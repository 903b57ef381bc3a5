import type { KubeObject } from '#schemas/meta/object.ts';
import { isRecord } from '#runtime/base/json.ts';
import { resourceOfKind, type DiscoveredResource } from '#runtime/client/discovery.ts';
import { ManifestError, type Manifest, type ManifestFault } from './manifest.ts';
import { inApplyOrder } from './order.ts';

/** One manifest with the resource it is of and the namespace it goes to. */
export interface Target {
  readonly manifest: Manifest;
  readonly type: DiscoveredResource;
  readonly object: KubeObject;
}

/** What a server serves, and where objects go that name no namespace. */
export interface TargetWorld {
  readonly resources: readonly DiscoveredResource[];
  readonly namespace: string;
}

/**
 * Gives each manifest its resource and, where it is namespaced and names none, the namespace; in the order in which they are to be applied.
 * A kind that the server does not know yet counts when the same manifests define it. ManifestError with every kind that nobody knows and every object without
 * a name.
 */
export function targetsOf(manifests: readonly Manifest[], { resources, namespace }: TargetWorld): readonly Target[] {
  const known = [...resources, ...manifests.flatMap(definedBy)];
  const faults: ManifestFault[] = [];
  const targets = inApplyOrder(manifests).flatMap((manifest): readonly Target[] => {
    const { apiVersion, kind, metadata } = manifest.object;
    const type = resourceOfKind(known, apiVersion, kind);
    const fault = faultOf(manifest, type);
    if (type === undefined || fault !== undefined) {
      faults.push({ source: manifest.source, message: fault ?? '' });
      return [];
    }
    const placed = type.namespaced && metadata.namespace === undefined ? { ...metadata, namespace } : metadata;
    return [{ manifest, type, object: { ...manifest.object, metadata: placed } }];
  });
  if (faults.length > 0) throw new ManifestError(faults);
  return targets;
}

function faultOf({ object }: Manifest, type: DiscoveredResource | undefined): string | undefined {
  const { apiVersion, kind, metadata } = object;
  if (type === undefined) return `no matches for kind "${kind}" in version "${apiVersion}"; see wcpctl api-resources`;
  return metadata.name === undefined ? `${kind}: metadata.name: Required value: what is applied has a name` : undefined;
}

/** The resources that a CustomResourceDefinition will make the server serve; as far as it can be read. */
function definedBy({ object }: Manifest): readonly DiscoveredResource[] {
  const spec = object['spec'];
  if (object.kind !== 'CustomResourceDefinition' || !isRecord(spec)) return [];
  const { group, names, scope, versions } = spec;
  if (typeof group !== 'string' || !isRecord(names) || !Array.isArray(versions)) return [];
  const { kind, plural } = names;
  if (typeof kind !== 'string' || typeof plural !== 'string') return [];
  const told = { singular: kind.toLowerCase(), shortNames: [], categories: [], verbs: [] };
  return versions.flatMap((version: unknown) =>
    isRecord(version) && typeof version['name'] === 'string'
      ? [{ ...told, group, version: version['name'], resource: plural, kind, namespaced: scope === 'Namespaced' }]
      : [],
  );
}

/** `Domain acme/shop`: how a manifest's object is called in messages. */
export function subjectOf({ object }: Pick<Target, 'object'>): string {
  const { namespace, name } = object.metadata;
  return `${object.kind} ${namespace === undefined ? '' : `${namespace}/`}${name}`;
}
