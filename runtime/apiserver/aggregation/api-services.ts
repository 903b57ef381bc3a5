import type { FrontProxy } from '#runtime/apiserver/auth/front-proxy.ts';
import { ApiError, type HostError } from '#runtime/base/errors.ts';
import { isRecord } from '#runtime/base/json.ts';
import type { WatchCache } from '#runtime/storage/cache.ts';
import type { KubeObject } from '#schemas/meta/object.ts';

export const apiServiceGroup = 'apiregistration.k8s.io';
export const apiServiceCollection = `${apiServiceGroup}/apiservices`;
export const serviceCollection = 'core/services';

/** The part of an APIService's spec that says who answers. */
export interface AggregatedSpec {
  readonly group: string;
  readonly version: string;
  readonly service: { readonly namespace: string; readonly name: string; readonly port?: number };
  /** PEM in base64. */
  readonly caBundle?: string | null;
  readonly insecureSkipTLSVerify?: boolean;
}

/** Where an aggregated server listens, and how it is recognised: options of `node:https`' `request`. */
export interface Backend {
  readonly host: string;
  readonly port: number;
  /** What its certificate has to name, wherever it is. */
  readonly servername: string;
  readonly rejectUnauthorized: boolean;
  readonly ca?: Buffer;
  readonly cert?: string;
  readonly key?: string;
}

const defaultPort = 443;

/** Who answers for a group and version when it is not this server. */
export function aggregatedSpecFor(cache: WatchCache, group: string, version: string): AggregatedSpec | undefined {
  if (group === '' || version === '') return undefined;
  const object = cache.get(apiServiceCollection, '', `${version}.${group}`)?.object;
  return object === undefined ? undefined : aggregatedSpecOf(object);
}

/** Undefined for an APIService that names no Service: this server answers for it. */
export function aggregatedSpecOf(object: KubeObject): AggregatedSpec | undefined {
  const spec = object['spec'];
  return isRecord(spec) && isRecord(spec['service']) ? (spec as unknown as AggregatedSpec) : undefined;
}

/** Finds the server behind an APIService. ApiError 503 when its Service is not there. */
export function backendOf(cache: WatchCache, spec: AggregatedSpec, proxy: FrontProxy | undefined): Backend {
  const { namespace, name, port = defaultPort } = spec.service;
  const service = cache.get(serviceCollection, namespace, name)?.object;
  if (service === undefined) throw unavailable(`service/${name} in "${namespace}" is not present`);
  const servername = `${name}.${namespace}.svc`;
  return {
    host: addressOf(service) ?? servername,
    port,
    servername,
    rejectUnauthorized: spec.insecureSkipTLSVerify !== true,
    ...(typeof spec.caBundle === 'string' && { ca: Buffer.from(spec.caBundle, 'base64') }),
    ...(proxy !== undefined && { cert: proxy.cert, key: proxy.key }),
  };
}

/** The address that the Service itself tells; without one its name in the cluster is left to the resolver. */
function addressOf(service: KubeObject): string | undefined {
  const spec = isRecord(service['spec']) ? service['spec'] : {};
  const address = spec['type'] === 'ExternalName' ? spec['externalName'] : spec['clusterIP'];
  return typeof address === 'string' && address !== '' && address !== 'None' ? address : undefined;
}

export function unavailable(why: string, cause?: HostError): ApiError {
  return new ApiError(503, 'ServiceUnavailable', `the server that answers for this is not available: ${why}`, {
    retryAfterSeconds: 1,
    ...(cause !== undefined && { cause }),
  });
}
