import type { KubeObject } from '#schemas/meta/object.ts';
import { ApiError } from '#runtime/base/errors.ts';
import type { DiscoveredResource, RestMapper } from '#runtime/cli/api/rest-mapper.ts';
import type { Session } from '#runtime/cli/session.ts';
import { ManifestError, type Manifest, type ManifestFault } from './manifest.ts';

/** One manifest with the resource it is of and the namespace it goes to. */
export interface Target {
  readonly manifest: Manifest;
  readonly type: DiscoveredResource;
  readonly object: KubeObject;
}

/** Gives each manifest its resource and, where it is namespaced and names none, the session's namespace. */
export async function targetMaker(session: Session): Promise<(manifest: Manifest) => Target> {
  const mapper = await session.mapper();
  const namespace = await session.namespace();
  return (manifest) => {
    const type = typeOf(mapper, manifest);
    const { metadata } = manifest.object;
    const placed = type.namespaced && metadata.namespace === undefined ? { ...metadata, namespace } : metadata;
    return { manifest, type, object: { ...manifest.object, metadata: placed } };
  };
}

function typeOf(mapper: RestMapper, { object, source }: Manifest): DiscoveredResource {
  const type = mapper.ofKind(object.apiVersion, object.kind);
  if (type !== undefined) return type;
  const fault: ManifestFault = {
    source,
    message: `no matches for kind "${object.kind}" in version "${object.apiVersion}"; see wcpctl api-resources`,
  };
  throw new ManifestError([fault]);
}

/** `Domain acme/shop`: how a manifest's object is called in messages. */
export function subjectOf({ object }: Target): string {
  const { namespace, name } = object.metadata;
  return `${object.kind} ${namespace === undefined ? '' : `${namespace}/`}${name}`;
}

/** What the quota admission of Kubernetes says of a quota whose use nobody has counted yet; its Status carries no cause to go by. */
const uncounted = /: status unknown for quota: /;

/** True for the answer to a write into a namespace that is being made: not there yet, or with a quota that is not counted yet. */
export function isNamespaceUnready(err: unknown): boolean {
  if (!(err instanceof ApiError)) return false;
  const isMissing = err.status === 404 && err.details.kind === 'namespaces';
  return isMissing || (err.status === 403 && uncounted.test(err.message));
}

/** The error with file, line and object in front of each of its faults. */
export function located(err: unknown, target: Target): Error {
  if (!(err instanceof ApiError)) return err instanceof Error ? err : new Error(String(err));
  const messages =
    err.reason === 'Invalid' && err.faults.length > 0
      ? err.faults.map(({ field, message }) => `${field}: ${message}`)
      : [err.message];
  return new ManifestError(
    messages.map((message) => ({ source: target.manifest.source, message: `${subjectOf(target)}: ${message}` })),
  );
}
