import type { KubeObject, ObjectMeta } from '#schemas/meta/object.ts';

/** An object on its way into the store: its own top level and metadata may be changed, everything below may be shared. */
export interface Draft {
  apiVersion: string;
  kind: string;
  metadata: { -readonly [K in keyof ObjectMeta]: ObjectMeta[K] | undefined };
  [field: string]: unknown;
}

/** A draft that shares all but the top level and metadata with `object`. */
export function draftOf(object: KubeObject): Draft {
  return { ...object, metadata: { ...object.metadata } };
}

/** The draft as an object. Fields that are `undefined` count as absent. */
export function finished(draft: Draft): KubeObject {
  return draft as unknown as KubeObject;
}
