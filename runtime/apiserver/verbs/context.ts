import type { IncomingHttpHeaders } from 'node:http';
import type { Clock } from '#runtime/base/clock.ts';
import type { AdmissionPlugin, Authorizer, RequestAttributes, UserInfo } from '#runtime/apiserver/operations.ts';
import type { Registry } from '#runtime/apiserver/registry/registry.ts';
import type { WatchHub } from '#runtime/apiserver/watch/hub.ts';
import type { WatchCache } from '#runtime/storage/cache.ts';
import type { Store } from '#runtime/storage/store.ts';
import type { Logger } from '#runtime/telemetry/logger.ts';
import type { Snapshots } from './snapshots.ts';

/** What all verbs work on. One per server. */
export interface VerbContext {
  readonly store: Store;
  readonly cache: WatchCache;
  readonly registry: Registry;
  readonly hub: WatchHub;
  readonly snapshots: Snapshots;
  /** In the order in which they are asked. */
  readonly admission: readonly AdmissionPlugin[];
  /** For rights that only show while a request is carried out: an apply that creates. */
  readonly authorizer: Authorizer;
  readonly clock: Clock;
  readonly log: Logger;
  /** Aborts when the server stops. */
  readonly signal: AbortSignal;
}

/** One authorized request as the verbs see it. */
export interface ApiRequest {
  readonly method: string;
  readonly user: UserInfo;
  readonly attributes: RequestAttributes;
  readonly query: URLSearchParams;
  readonly headers: IncomingHttpHeaders;
  /** Reads the body, once. */
  readonly body: () => Promise<Buffer>;
  /** Puts a text into the answer's `Warning` headers. */
  readonly warn: (text: string) => void;
}
