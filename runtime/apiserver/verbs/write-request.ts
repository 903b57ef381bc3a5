import type { AdmissionRequest, UserInfo } from '#runtime/apiserver/operations.ts';
import type { Resource } from '#runtime/apiserver/registry/resource.ts';
import type { KubeObject } from '#schemas/meta/object.ts';
import type { FieldValidation } from './write-options.ts';

/** One write, independent of how it came in: over HTTP, or from the server's own life cycle. */
export interface WriteRequest {
  readonly resource: Resource;
  readonly subresource: string;
  /** Empty for cluster-scoped kinds. */
  readonly namespace: string;
  readonly user: UserInfo;
  readonly manager: string;
  readonly dryRun: boolean;
  readonly fieldValidation: FieldValidation;
  readonly warn: (text: string) => void;
}

/** What a write left behind, in the version it was asked in. */
export interface Written {
  readonly object: KubeObject;
  /** The same as UTF-8 JSON. */
  readonly bytes: Buffer;
  readonly created: boolean;
  /** The revision of the store in which the object went, when this write let it go. */
  readonly goneAt?: number;
}

/** The write as admission sees it. */
export function admissionOf(
  write: WriteRequest,
  change: Pick<AdmissionRequest, 'operation' | 'name' | 'oldObject'> & { readonly object: KubeObject },
): AdmissionRequest & { readonly object: KubeObject } {
  const { resource, subresource, namespace, user, dryRun } = write;
  const { operation, name, object, oldObject } = change;
  return { operation, resource: resource.info, subresource, namespace, name, user, object, oldObject, dryRun };
}
