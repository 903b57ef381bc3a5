import type { RequestOptions } from 'node:http';
import type { KubeList, KubeObject } from '#schemas/meta/object.ts';

/** Which collection: enough to build a URL and to name it in a message. */
export interface ResourceType {
  /** Empty for the core group. */
  readonly group: string;
  readonly version: string;
  /** The plural in URLs. */
  readonly resource: string;
  readonly kind: string;
  readonly namespaced: boolean;
}

/** Which object. `namespace` is absent for cluster-scoped kinds. */
export interface ObjectKey {
  readonly namespace?: string | undefined;
  readonly name: string;
}

export interface ListOptions {
  readonly namespace?: string | undefined;
  readonly labelSelector?: string | undefined;
  readonly fieldSelector?: string | undefined;
  readonly limit?: number | undefined;
  readonly continue?: string | undefined;
  readonly resourceVersion?: string | undefined;
  readonly resourceVersionMatch?: 'Exact' | 'NotOlderThan' | undefined;
  /** Ask for the server's own columns (list items and event objects are then `meta.k8s.io/v1` Tables), or for metadata only. */
  readonly as?: 'Table' | 'PartialObjectMetadata' | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface WatchOptions extends Omit<ListOptions, 'limit' | 'continue'> {
  /** Ask for the present state as ADDED events, closed by a bookmark (KEP-3157). */
  readonly sendInitialEvents?: boolean | undefined;
  readonly timeoutSeconds?: number | undefined;
}

export type WatchEvent<T extends KubeObject = KubeObject> =
  | { readonly type: 'ADDED' | 'MODIFIED' | 'DELETED'; readonly object: T }
  | { readonly type: 'BOOKMARK'; readonly object: KubeObject };

export interface WriteOptions {
  readonly fieldManager?: string | undefined;
  readonly dryRun?: boolean | undefined;
  readonly fieldValidation?: 'Ignore' | 'Warn' | 'Strict' | undefined;
  readonly subresource?: 'status' | 'scale' | 'token' | 'finalize' | 'approval' | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface DeleteOptions {
  readonly propagationPolicy?: 'Background' | 'Foreground' | 'Orphan' | undefined;
  readonly preconditions?: { readonly uid?: string; readonly resourceVersion?: string } | undefined;
  readonly gracePeriodSeconds?: number | undefined;
  readonly dryRun?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
}

export type PatchType = 'json' | 'merge' | 'strategic' | 'apply';

/**
 * The Kubernetes protocol, and nothing of any kind: the one way in which controllers, agents and wcpctl reach a server,
 * be it ours or a real kube-apiserver.
 *
 * Guarantees: an object that is not there is `undefined` from `get`; every call is bounded in time; 429 and 503 with `Retry-After` are obeyed;
 * only reads are repeated by themselves when a connection breaks. Objects are returned as parsed, never shared.
 * Errors: ApiError with the server's Status; HostError when no server answered; the signal's reason when aborted.
 */
export interface Client {
  get<T extends KubeObject>(type: ResourceType, key: ObjectKey, signal?: AbortSignal): Promise<T | undefined>;
  list<T extends KubeObject>(type: ResourceType, options?: ListOptions): Promise<KubeList<T>>;
  /** Ends when the server ends the stream; throws ApiError 410 when the resourceVersion is too old. */
  watch<T extends KubeObject>(type: ResourceType, options: WatchOptions): AsyncIterable<WatchEvent<T>>;
  create<T extends KubeObject>(type: ResourceType, object: KubeObject, options?: WriteOptions): Promise<T>;
  replace<T extends KubeObject>(type: ResourceType, object: KubeObject, options?: WriteOptions): Promise<T>;
  patch<T extends KubeObject>(
    type: ResourceType,
    key: ObjectKey,
    patch: { readonly type: PatchType; readonly body: unknown; readonly force?: boolean },
    options?: WriteOptions,
  ): Promise<T>;
  /** Server-side apply of `object` (its own name and namespace). */
  apply<T extends KubeObject>(
    type: ResourceType,
    object: KubeObject,
    options: WriteOptions & { readonly fieldManager: string; readonly force?: boolean },
  ): Promise<T>;
  /** `undefined` when it was not there; the object when finalizers hold it. */
  delete(type: ResourceType, key: ObjectKey, options?: DeleteOptions): Promise<KubeObject | undefined>;
  /** Any path, for discovery, OpenAPI and health; the body as text. */
  raw(method: string, path: string, options?: RawOptions): Promise<RawAnswer>;
  /** The body of an answer as it comes, for any path; HostError when it breaks off or is silent for too long. */
  stream(path: string, options?: StreamOptions): AsyncIterable<Buffer>;
  /** Where a request goes, as whom and over what, as of now: for those that leave HTTP. To be given to `node:https`. */
  requestOptions(path: string): Promise<RequestOptions>;
  close(): Promise<void>;
}

export interface StreamOptions {
  /** Sent by POST; without one the path is asked for by GET. */
  readonly body?: Buffer;
  /** A while unless given, 0 for any. */
  readonly silenceMs?: number;
  readonly signal?: AbortSignal;
}

export interface RawOptions {
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Buffer;
  readonly signal?: AbortSignal;
}

export interface RawAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}
