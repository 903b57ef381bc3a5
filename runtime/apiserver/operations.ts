import type { KubeObject, Status } from '#schemas/meta/object.ts';
import type { Schema } from '#schemas/meta/schema.ts';

/** One resource of the API at one version, as discovery tells of it. `info` of a CRD changes when the CRD does. */
export interface ResourceInfo {
  /** Empty for the core group. */
  readonly group: string;
  readonly version: string;
  /** Plural. */
  readonly resource: string;
  readonly singular: string;
  readonly kind: string;
  readonly listKind: string;
  readonly namespaced: boolean;
  readonly shortNames: readonly string[];
  readonly categories: readonly string[];
  readonly verbs: readonly Verb[];
  readonly subresources: readonly SubresourceInfo[];
  /** The structural schema of the whole object, `metadata` as a bare object. */
  readonly schema: Schema;
  /** `<group or "core">/<resource>`: where objects of all versions are stored. */
  readonly collection: string;
  /** Made by a CustomResourceDefinition: no strategic merge patch. */
  readonly custom?: boolean;
}

export interface SubresourceInfo {
  /** `status`, `scale`, `token`, `finalize`, `approval`. */
  readonly name: string;
  readonly kind: string;
  readonly group: string;
  readonly version: string;
  readonly verbs: readonly Verb[];
}

export type Verb = 'create' | 'delete' | 'deletecollection' | 'get' | 'list' | 'patch' | 'update' | 'watch';

/** Who asks: what authentication found, after impersonation. */
export interface UserInfo {
  readonly name: string;
  readonly uid?: string;
  readonly groups: readonly string[];
  readonly extra?: Readonly<Record<string, readonly string[]>>;
}

/** What a request wants, read from its URL and verb: the input of authorization and of the audit log. */
export interface RequestAttributes {
  readonly user: UserInfo;
  readonly verb: string;
  readonly resourceRequest: boolean;
  /** Of resource requests. */
  readonly group: string;
  readonly version: string;
  readonly resource: string;
  readonly subresource: string;
  readonly namespace: string;
  readonly name: string;
  /** Of all others. */
  readonly path: string;
}

export interface Decision {
  readonly allowed: boolean;
  readonly reason: string;
}

/** Says whether a request may pass. Reads the watch cache only; called several times a request. */
export interface Authorizer {
  authorize(attributes: RequestAttributes): Decision;
}

/** What a connection showed of itself. */
export interface Credentials {
  /** Subject of a client certificate that the CA signed, if one was shown. */
  readonly certificate?: {
    readonly commonName: string;
    readonly organizations: readonly string[];
    /** Of the whole certificate, in hexadecimal digits. */
    readonly sha256: string;
  };
  /** The value of `Authorization`. */
  readonly authorization?: string;
}

/** Finds who it is; ApiError 401 for credentials that are wrong; `system:anonymous` when there are none. */
export interface Authenticator {
  authenticate(credentials: Credentials): Promise<UserInfo>;
}

/** A write on its way, for checks that no schema can make (RBAC escalation, quota, reserved labels). Throws ApiError to refuse. */
export interface AdmissionRequest {
  readonly operation: 'create' | 'update' | 'delete';
  readonly resource: ResourceInfo;
  readonly subresource: string;
  readonly namespace: string;
  readonly name: string;
  readonly user: UserInfo;
  readonly object: KubeObject | undefined;
  readonly oldObject: KubeObject | undefined;
  readonly dryRun: boolean;
}

/** One check. `mutate` may return a changed object (defaults that depend on the user or on other objects). */
export interface AdmissionPlugin {
  readonly name: string;
  mutate?(request: AdmissionRequest): Promise<KubeObject | undefined>;
  validate?(request: AdmissionRequest): Promise<void>;
}

export interface DeleteRequest {
  readonly propagationPolicy?: 'Background' | 'Foreground' | 'Orphan';
  readonly preconditions?: { readonly uid?: string; readonly resourceVersion?: string };
  readonly dryRun?: boolean;
}

/**
 * What the server itself does with objects (garbage collection, namespaces, quota, CRD life cycle): the same verbs that requests go through,
 * as `system:apiserver`, without HTTP. Reads come from the watch cache.
 */
export interface Operations {
  /** All resources that are served, preferred version of each only. */
  resources(): readonly ResourceInfo[];
  resource(group: string, resource: string): ResourceInfo | undefined;
  create(resource: ResourceInfo, object: KubeObject): Promise<KubeObject>;
  /** Read, change, compare, commit; tried again on conflict. `change` returns undefined to leave it. Undefined when it is not there. */
  mutate(
    resource: ResourceInfo,
    key: { readonly namespace: string; readonly name: string },
    change: (live: KubeObject) => KubeObject | undefined,
    options?: { readonly subresource?: 'status' | 'finalize' },
  ): Promise<KubeObject | undefined>;
  /** The Status or the object that the wire would answer with; undefined when it was not there. */
  delete(
    resource: ResourceInfo,
    key: { readonly namespace: string; readonly name: string },
    options: DeleteRequest,
  ): Promise<KubeObject | Omit<Status, 'code'> | undefined>;
}
