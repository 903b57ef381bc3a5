import type { Aggregation } from './aggregation/aggregation.ts';
import type { TokenIssuer } from './auth/tokens/issuer.ts';
import { jsonAnswer, pageNotFound, textAnswer, type Answer, type Relay, type Stream } from './http/answer.ts';
import { methodNotAllowed } from './http/api-errors.ts';
import { createDocumentRoute } from './http/documents.ts';
import { answerHealth, type HealthCheck } from './http/health.ts';
import type { Admitted } from './http/serve.ts';
import { serverVersion } from './http/server-version.ts';
import { answerSnapshot, snapshotPath } from './http/snapshot.ts';
import { createOpenApi } from './openapi/openapi.ts';
import type { ApiRequest, VerbContext } from './verbs/context.ts';
import { routeResource, type Reviews } from './verbs/route.ts';
import { ApiError, HostError } from '#runtime/base/errors.ts';
import type { Store } from '#runtime/storage/store.ts';
import type { Metrics } from '#runtime/telemetry/metrics.ts';

export interface RouteOptions {
  readonly context: VerbContext;
  /** The store beneath the encryption. */
  readonly atRest: Store;
  readonly reviews: Reviews;
  readonly tokens: TokenIssuer;
  readonly metrics: Metrics;
  readonly aggregation: Aggregation;
  /** Known once the server listens. */
  readonly served: { readonly address: string };
  /** The objects that every cluster has are there. */
  readonly isReady: () => boolean;
}

/** Finds what answers an admitted request: a verb on a resource, or one of the few paths beside them. */
export function createRoute(options: RouteOptions): (request: Admitted) => Promise<Answer | Stream | Relay> {
  const { context, reviews, aggregation } = options;
  const documents = createDocumentRoute({
    infos: () => aggregation.infos(context.registry.infos()),
    ownInfos: () => context.registry.infos(),
    openApi: createOpenApi(serverVersion.gitVersion),
    serverAddress: () => options.served.address,
  });
  const checks = healthChecks(options);
  return async (request) => {
    const { attributes, exchange, target } = request;
    const relay = await aggregation.relay(request);
    if (relay !== undefined) return relay;
    if (attributes.resourceRequest) {
      requireFilled(context);
      return routeResource(context, apiRequestOf(request), { attributes, reviews });
    }
    const { segments, query } = target;
    if (target.path === snapshotPath && exchange.method === 'GET')
      return answerSnapshot({ ...context, atRest: options.atRest });
    const health = await answerHealth(checks, segments, query);
    const answer =
      health ?? documents({ segments, query, headers: exchange.headers }) ?? (await plainAnswer(options, target.path));
    if (answer === undefined) return pageNotFound();
    if (exchange.method !== 'GET' && exchange.method !== 'HEAD') throw methodNotAllowed();
    return answer;
  };
}

/** Until the cache has read the store once, nothing can be said about any object. */
function requireFilled(context: VerbContext): void {
  if (context.cache.revision > 0) return;
  throw new ApiError(503, 'ServiceUnavailable', 'the server is starting', { retryAfterSeconds: 1 });
}

function apiRequestOf(request: Admitted): ApiRequest {
  const { attributes, exchange, target, user, body, warn } = request;
  return {
    method: exchange.method,
    user,
    attributes,
    query: target.query,
    headers: exchange.headers,
    body,
    warn,
  };
}

async function plainAnswer(options: RouteOptions, path: string): Promise<Answer | undefined> {
  switch (path) {
    case '/version':
      return jsonAnswer(200, serverVersion);
    case '/metrics': {
      const { contentType, text } = await options.metrics.exposition();
      return { ...textAnswer(200, text), contentType };
    }
    case '/.well-known/openid-configuration':
      return jsonAnswer(200, options.tokens.openidConfiguration(`https://${options.served.address}/openid/v1/jwks`));
    case '/openid/v1/jwks':
      return { ...jsonAnswer(200, options.tokens.jwks()), contentType: 'application/jwk-set+json' };
    case '/':
      return jsonAnswer(200, {
        paths: ['/api', '/apis', '/healthz', '/livez', '/metrics', '/openapi/v2', '/openapi/v3', '/readyz', '/version'],
      });
    default:
      return undefined;
  }
}

const storeTimeoutMs = 2_000;

function healthChecks({ context, isReady }: RouteOptions): readonly HealthCheck[] {
  const { store, cache, signal } = context;
  return [
    { name: 'ping', live: true, check: () => undefined },
    { name: 'log', live: true, check: () => undefined },
    {
      name: 'etcd',
      live: false,
      check: async () => {
        await store.currentRevision(AbortSignal.any([signal, AbortSignal.timeout(storeTimeoutMs)]));
      },
    },
    {
      name: 'informer-sync',
      live: false,
      check: () => failUnless(cache.revision > 0, 'the watch cache is not filled yet'),
    },
    {
      name: 'poststarthook/bootstrap-objects',
      live: false,
      check: () => failUnless(isReady(), 'the bootstrap objects are not written yet'),
    },
    { name: 'shutdown', live: false, check: () => failUnless(!signal.aborted, 'the server is stopping') },
  ];
}

function failUnless(holds: boolean, message: string): void {
  if (!holds) throw new HostError(message);
}
