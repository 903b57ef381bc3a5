import { createAdmissionPlugins } from './admission/plugins.ts';
import { createAggregation, type Aggregation } from './aggregation/aggregation.ts';
import { createAuthenticator } from './auth/authenticator.ts';
import { applyBootstrapObjects } from './auth/bootstrap/apply.ts';
import { tellFrontProxy } from './auth/bootstrap/tell-front-proxy.ts';
import type { FrontProxy } from './auth/front-proxy.ts';
import { createImpersonator } from './auth/impersonation.ts';
import { createRbacAuthorizer } from './auth/rbac/authorizer.ts';
import { createReviewHandlers } from './auth/reviews/handlers.ts';
import { createTokenIssuer, type TokenIssuer } from './auth/tokens/issuer.ts';
import { builtinResources } from './builtin/index.ts';
import type { AuditSink } from './http/audit.ts';
import { createFlowControl, type FlowLimits } from './http/flow-control.ts';
import { listen } from './http/listener.ts';
import { createRequestMetrics } from './http/request-metrics.ts';
import { createServe } from './http/serve.ts';
import { startLifecycle } from './lifecycle/start.ts';
import type { AdmissionPlugin, Operations } from './operations.ts';
import { keepDefinitionStatus } from './registry/definition-status.ts';
import { createRegistry } from './registry/registry.ts';
import { createRoute } from './route.ts';
import type { VerbContext } from './verbs/context.ts';
import { parseExactly } from './verbs/live-object.ts';
import { createOperations } from './verbs/server-operations.ts';
import { createSnapshots } from './verbs/snapshots.ts';
import { createWatchHub } from './watch/hub.ts';
import { systemClock, type Clock } from '#runtime/base/clock.ts';
import { required } from '#runtime/base/errors.ts';
import { runCompactor } from '#runtime/storage/compactor.ts';
import { encryptedStore } from '#runtime/storage/encryption/encrypted-store.ts';
import { runRotation } from '#runtime/storage/encryption/rotation.ts';
import type { EncryptionKeys } from '#runtime/storage/encryption/encryption-keys.ts';
import type { Store } from '#runtime/storage/store.ts';
import { startWatchCache } from '#runtime/storage/watch-cache/watch-cache.ts';
import type { Logger } from '#runtime/telemetry/logger.ts';
import { createMetrics, type Metrics } from '#runtime/telemetry/metrics.ts';

export interface ApiServerOptions {
  /** Stays open when the server stops. */
  readonly store: Store;
  /** Port 0 picks a free one. */
  readonly listen: { readonly host: string; readonly port: number };
  /** PEM. `clientCa` signs client certificates. */
  readonly tls: {
    readonly cert: string;
    readonly key: string;
    readonly clientCa: string;
    /** Key of `clientCa`: with it, approved requests for client certificates are signed. */
    readonly clientCaKey?: string;
  };
  /** The CA behind `tls.cert`, PEM; handed to every namespace. `tls.clientCa` when absent. */
  readonly rootCertificates?: string;
  readonly serviceAccounts: {
    /** PKCS #8 PEM of an EC key on P-256. */
    readonly key: string;
    readonly previousKeys?: readonly string[];
    /** `https://kubernetes.default.svc` when absent. */
    readonly issuer?: string;
  };
  /** Secrets are encrypted at rest with these. */
  readonly encryption?: EncryptionKeys;
  /** Believe Secrets that stand there in plain: only while encryption is being turned on for a store that has some. */
  readonly acceptPlainSecrets?: boolean;
  /** With what the server shows itself to those that it aggregates; they do not believe it without. */
  readonly frontProxy?: FrontProxy;
  readonly audit?: AuditSink;
  readonly flow?: FlowLimits;
  readonly metrics?: Metrics;
  readonly log: Logger;
  readonly clock?: Clock;
  /** Ends the server as `close` does. */
  readonly signal?: AbortSignal;
}

export interface ApiServer {
  /** `https://<host>:<port>` */
  readonly url: string;
  readonly address: { readonly host: string; readonly port: number };
  /** The server's own way to its objects. */
  readonly operations: Operations;
  /** `readyz` fails from here on, watches end, what is under way is answered. */
  close(): Promise<void>;
}

const defaultIssuer = 'https://kubernetes.default.svc';
const closeGraceMs = 10_000;

/**
 * Starts an API server on a store: the Kubernetes protocol over TLS, its life cycle, and the objects that every cluster has.
 * Resolves when it listens; `/readyz` says ok once the cache is filled and the bootstrap objects are there.
 */
export async function startApiServer(options: ApiServerOptions): Promise<ApiServer> {
  const closing = new AbortController();
  const parts = buildParts(options, closing.signal);
  const serve = createServe({
    authenticator: createAuthenticator({ tokens: parts.tokens, cache: parts.context.cache }),
    impersonator: createImpersonator({ authorizer: parts.context.authorizer }),
    authorizer: parts.context.authorizer,
    flow: parts.flow,
    metrics: createRequestMetrics(
      parts.metrics,
      ({ group, version, resource }) => parts.context.registry.lookup(group, version, resource) !== undefined,
    ),
    audit: options.audit,
    clock: parts.context.clock,
    log: options.log,
    route: parts.route,
  });
  const listener = await listen({
    ...options.listen,
    tls: options.tls,
    serve,
    upgrades: parts.aggregation.isRelayed,
  });
  const { port } = listener.address;
  parts.served.address = `${options.listen.host}:${port}`;
  const background = startBackground(options, parts, closing.signal);
  let closed: Promise<void> | undefined;
  const close = (): Promise<void> => {
    closing.abort();
    closed ??= Promise.all([listener.close(closeGraceMs), background, parts.closeCache()]).then(() => undefined);
    return closed;
  };
  options.signal?.addEventListener('abort', () => void close(), { once: true });
  const host = options.listen.host.includes(':') ? `[${options.listen.host}]` : options.listen.host;
  return {
    url: `https://${host}:${port}`,
    address: { host: options.listen.host, port },
    operations: parts.operations,
    close,
  };
}

interface Parts {
  readonly context: VerbContext;
  readonly operations: Operations;
  readonly tokens: TokenIssuer;
  readonly flow: ReturnType<typeof createFlowControl>;
  readonly aggregation: Aggregation;
  readonly metrics: Metrics;
  readonly route: ReturnType<typeof createRoute>;
  readonly served: { address: string };
  readonly state: { bootstrapped: boolean };
  readonly closeCache: () => Promise<void>;
}

/** Puts the parts together. Admission and life cycle act through the verbs, which ask admission: `operations` ties that knot late. */
function buildParts(options: ApiServerOptions, signal: AbortSignal): Parts {
  const { log, clock = systemClock, metrics = createMetrics({ processMetrics: true }) } = options;
  const store =
    options.encryption === undefined
      ? options.store
      : encryptedStore(options.store, { keys: options.encryption, acceptPlain: options.acceptPlainSecrets ?? false });
  const cache = startWatchCache({ store, log, clock, parse: parseExactly });
  const authorizer = createRbacAuthorizer({ cache });
  const { key, previousKeys = [], issuer = defaultIssuer } = options.serviceAccounts;
  const tokens = createTokenIssuer({ key, previousKeys, issuer, clock });
  const late: { context?: VerbContext } = {};
  const operations = createOperations(() => required(late.context, 'the verb context'));
  const admission: readonly AdmissionPlugin[] = createAdmissionPlugins({ cache, authorizer, operations, clock });
  const hub = createWatchHub(cache, signal);
  const registry = createRegistry(cache, builtinResources());
  const snapshots = createSnapshots(() => clock.now());
  const context: VerbContext = { store, cache, registry, hub, snapshots, admission, authorizer, clock, log, signal };
  late.context = context;
  const flow = createFlowControl(options.flow);
  const served = { address: '' };
  const state = { bootstrapped: false };
  const reviews = createReviewHandlers({ authorizer, tokens, cache });
  const aggregation = createAggregation({ cache, proxy: options.frontProxy, signal });
  const isReady = (): boolean => state.bootstrapped;
  const shared = { context, aggregation, reviews, tokens, metrics, served };
  const route = createRoute({ ...shared, atRest: options.store, isReady });
  metrics.gauge({ name: 'apiserver_watchers', help: 'Watches that receive events.', read: () => hub.watchers });
  return {
    context,
    operations,
    tokens,
    flow,
    aggregation,
    metrics,
    route,
    served,
    state,
    closeCache: () => cache.close(),
  };
}

/** What runs beside the requests; resolves when all of it has stopped. */
async function startBackground(options: ApiServerOptions, parts: Parts, signal: AbortSignal): Promise<void> {
  const { context, operations, tokens, aggregation } = parts;
  const { cache, clock } = context;
  const { log, frontProxy } = options;
  const { clientCa, clientCaKey } = options.tls;
  const rootCertificates = options.rootCertificates ?? clientCa;
  const signing = clientCaKey === undefined ? {} : { clientAuthority: { certificate: clientCa, key: clientCaKey } };
  const shared = { operations, cache, log, clock, signal };
  const tasks = [
    bootstrap(parts, options, signal),
    startLifecycle({ ...shared, tokens, rootCertificates, aggregation, frontProxy, ...signing }),
    keepDefinitionStatus(shared),
    ...rotation(options, signal),
    runCompactor({ store: context.store, signal, clock, log }),
  ];
  for (const outcome of await Promise.allSettled(tasks)) {
    if (outcome.status === 'rejected' && !signal.aborted)
      log.error({ err: outcome.reason as unknown }, 'a task of the server ended');
  }
}

function rotation(options: ApiServerOptions, signal: AbortSignal): readonly Promise<void>[] {
  const { store, encryption: keys, acceptPlainSecrets: acceptPlain = false, log } = options;
  return keys === undefined ? [] : [runRotation({ store, keys, acceptPlain, log, signal })];
}

const bootstrapRetryMs = 1_000;

/** Tries until the objects that every cluster has are there. */
async function bootstrap(parts: Parts, { log, frontProxy }: ApiServerOptions, signal: AbortSignal): Promise<void> {
  const { cache, clock } = parts.context;
  await cache.ready;
  while (!signal.aborted && !parts.state.bootstrapped) {
    try {
      await applyBootstrapObjects(parts.operations);
      if (frontProxy !== undefined) await tellFrontProxy(parts.operations, frontProxy);
      parts.state.bootstrapped = true;
    } catch (err) {
      if (signal.aborted) return;
      log.warn({ err }, 'bootstrap objects could not be written and are tried again');
      await clock.sleep(bootstrapRetryMs, signal).catch(() => undefined);
    }
  }
}
