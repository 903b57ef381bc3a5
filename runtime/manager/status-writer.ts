import { isEqual } from '#runtime/base/json.ts';
import type { Client, ResourceType } from '#runtime/client/client.ts';
import { isStatus } from '#runtime/client/status-error.ts';
import type { KubeObject } from '#schemas/meta/object.ts';
import { appliesNothing } from './apply-preview.ts';
import { storeKeyOf } from './object-store.ts';

/** Writes the part of a status that one controller owns, when it differs from what the cache shows as ours. */
export interface StatusWriter {
  /** True when something was written. An object that is gone, or was made anew under its name, is left alone. */
  write(object: KubeObject, status: Readonly<Record<string, unknown>>, signal: AbortSignal): Promise<boolean>;
  forget(key: string): void;
}

interface Written {
  readonly seen: string | undefined;
  readonly status: Readonly<Record<string, unknown>>;
}

/** Writes as `fieldManager`, by forced server-side apply on the status subresource: one writer per field, the last one to claim it. */
export function createStatusWriter(options: {
  readonly client: Client;
  readonly type: ResourceType;
  readonly fieldManager: string;
}): StatusWriter {
  const { client, type, fieldManager } = options;
  const applier = { manager: fieldManager, subresource: 'status' };
  // While the cache still shows the object as it was before our write, the same write would be repeated.
  const written = new Map<string, Written>();
  return {
    write: async (object, status, signal) => {
      const { name, namespace, uid, resourceVersion } = object.metadata;
      const body: KubeObject = {
        apiVersion: object.apiVersion,
        kind: object.kind,
        metadata: { name, ...(namespace === undefined ? {} : { namespace }), ...(uid === undefined ? {} : { uid }) },
        status,
      };
      if (appliesNothing(object, body, applier)) return false;
      const key = storeKeyOf(object);
      const last = written.get(key);
      if (last !== undefined && last.seen === resourceVersion && isEqual(last.status, status)) return false;
      try {
        await client.apply(type, body, { fieldManager, force: true, subresource: 'status', signal });
      } catch (err) {
        if (isStatus(err, 404) || (isStatus(err, 409) && err.details.causes === undefined)) return false;
        throw err;
      }
      written.set(key, { seen: resourceVersion, status });
      return true;
    },
    forget: (key) => void written.delete(key),
  };
}
