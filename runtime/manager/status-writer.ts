import { isEqual } from '#runtime/base/json.ts';
import type { Client, ResourceType } from '#runtime/client/client.ts';
import { isStatus } from '#runtime/client/status-error.ts';
import type { KubeObject } from '#schemas/meta/object.ts';
import { appliesNothing, type Applier } from './apply-preview.ts';
import { storeKeyOf } from './object-store.ts';
import { compareResourceVersions } from './resource-version.ts';

/** Writes the part of a status that one controller owns, when it differs from what the cache shows as ours. */
export interface StatusWriter {
  /** True when something was written. An object that is gone, or was made anew under its name, is left alone. */
  write(object: KubeObject, status: Readonly<Record<string, unknown>>, signal: AbortSignal): Promise<boolean>;
  /** The resourceVersion that the last write gave the object. */
  revisionOf(key: string): string | undefined;
  forget(key: string): void;
}

interface Written {
  readonly seen: string | undefined;
  readonly status: Readonly<Record<string, unknown>>;
  readonly revision: string | undefined;
}

/** Writes as `fieldManager`, by forced server-side apply on the status subresource: one writer per field, the last one to claim it. */
export function createStatusWriter(options: {
  readonly client: Client;
  readonly type: ResourceType;
  readonly fieldManager: string;
}): StatusWriter {
  const { client, type, fieldManager } = options;
  const applier = { manager: fieldManager, subresource: 'status' };
  const written = new Map<string, Written>();
  return {
    write: async (object, status, signal) => {
      const { resourceVersion } = object.metadata;
      const body = statusOnly(object, status);
      const key = storeKeyOf(object);
      const last = written.get(key);
      const isSaid =
        last !== undefined && isBefore(object, last)
          ? isEqual(last.status, status)
          : appliesNothing(object, body, applier) || (isEmpty(status) && !hasSpoken(object, applier));
      if (isSaid) return false;
      try {
        const after = await client.apply(type, body, { fieldManager, force: true, subresource: 'status', signal });
        written.set(key, { seen: resourceVersion, status, revision: after.metadata.resourceVersion });
        return true;
      } catch (err) {
        if (isGone(err)) return false;
        throw err;
      }
    },
    revisionOf: (key) => written.get(key)?.revision,
    forget: (key) => void written.delete(key),
  };
}

/** Whether the cache shows the object as it was before our write: then that alone tells what we have said. */
function isBefore({ metadata: { resourceVersion } }: KubeObject, { seen, revision }: Written): boolean {
  return (
    resourceVersion === seen ||
    (compareResourceVersions(seen, resourceVersion) < 0 && compareResourceVersions(resourceVersion, revision) < 0)
  );
}

function isEmpty(status: Readonly<Record<string, unknown>>): boolean {
  return Object.keys(status).length === 0;
}

function hasSpoken({ metadata }: KubeObject, applier: Applier): boolean {
  return (
    metadata.managedFields?.some(
      ({ manager, subresource }) => manager === applier.manager && subresource === applier.subresource,
    ) === true
  );
}

/** What to apply: the object by name, namespace and uid, and nothing but its status; with an empty one all that was said is taken back. */
export function statusOnly(object: KubeObject, status: Readonly<Record<string, unknown>>): KubeObject {
  const { name, namespace, uid } = object.metadata;
  return {
    apiVersion: object.apiVersion,
    kind: object.kind,
    metadata: { name, ...(namespace === undefined ? {} : { namespace }), ...(uid === undefined ? {} : { uid }) },
    ...(isEmpty(status) ? {} : { status }),
  };
}

/** Not there any more, or another object stands under the name (a conflict without fields is one of uid). */
function isGone(err: unknown): boolean {
  return isStatus(err, 404) || (isStatus(err, 409) && (err.details.causes ?? []).length === 0);
}
