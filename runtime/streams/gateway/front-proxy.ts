import type { IncomingHttpHeaders } from 'node:http';
import { HostError } from '#runtime/base/errors.ts';
import { isRecord } from '#runtime/base/json.ts';
import type { Client, ResourceType } from '#runtime/client/client.ts';

/** By what a cluster's front proxy is recognised, and in which headers it tells who asks. */
export interface FrontProxyTrust {
  /** PEM. */
  readonly ca: string;
  /** Common names of its certificate; any of that CA when empty. */
  readonly names: readonly string[];
  readonly userHeaders: readonly string[];
  readonly groupHeaders: readonly string[];
  readonly extraPrefixes: readonly string[];
}

/** Who a request is from, as the front proxy says. */
export interface RemoteUser {
  readonly name: string;
  readonly groups: readonly string[];
  readonly extra: Readonly<Record<string, readonly string[]>>;
}

const configMaps: ResourceType = {
  group: '',
  version: 'v1',
  resource: 'configmaps',
  kind: 'ConfigMap',
  namespaced: true,
};
/** Where every Kubernetes tells its aggregated servers (Kubernetes docs, "Configure the Aggregation Layer"). */
const place = { namespace: 'kube-system', name: 'extension-apiserver-authentication' } as const;

/** Asks the cluster. HostError when it has no front proxy. */
export async function readFrontProxyTrust(client: Client, signal: AbortSignal): Promise<FrontProxyTrust> {
  const data = (await client.get(configMaps, place, signal))?.['data'];
  const text = (key: string): string => (isRecord(data) && typeof data[key] === 'string' ? data[key] : '');
  const ca = text('requestheader-client-ca-file');
  const userHeaders = wordsOf(text('requestheader-username-headers'));
  if (ca === '' || userHeaders.length === 0)
    throw new HostError(
      `the API server aggregates no others: ConfigMap ${place.namespace}/${place.name} names no front proxy`,
    );
  return {
    ca,
    names: wordsOf(text('requestheader-allowed-names')),
    userHeaders,
    groupHeaders: wordsOf(text('requestheader-group-headers')),
    extraPrefixes: wordsOf(text('requestheader-extra-headers-prefix')),
  };
}

function wordsOf(text: string): readonly string[] {
  const value: unknown = text === '' ? [] : JSON.parse(text);
  return Array.isArray(value) ? value.filter((word) => typeof word === 'string') : [];
}

/** Undefined where no user is named. Only to be asked of a connection that showed the front proxy's certificate. */
export function remoteUserOf(trust: FrontProxyTrust, rawHeaders: readonly string[]): RemoteUser | undefined {
  const headers = pairsOf(rawHeaders);
  const valuesOf = (names: readonly string[]): readonly string[] =>
    headers.filter(([header]) => names.some((name) => name.toLowerCase() === header)).map(([, value]) => value);
  const [name] = valuesOf(trust.userHeaders);
  if (name === undefined || name === '') return undefined;
  const extra: Record<string, string[]> = {};
  for (const [header, value] of headers) {
    const prefix = trust.extraPrefixes.find((each) => header.startsWith(each.toLowerCase()));
    if (prefix !== undefined) (extra[decodeURIComponent(header.slice(prefix.length))] ??= []).push(value);
  }
  return { name, groups: valuesOf(trust.groupHeaders), extra };
}

function pairsOf(raw: readonly string[]): readonly (readonly [string, string])[] {
  return raw.flatMap((header, at) => (at % 2 === 0 ? [[header.toLowerCase(), raw[at + 1] ?? ''] as const] : []));
}

/** A request without what its sender, or a proxy on the way, says of who it is. */
export function withoutIdentity(headers: IncomingHttpHeaders): IncomingHttpHeaders {
  return Object.fromEntries(
    Object.entries(headers).filter(
      ([name]) => name !== 'authorization' && name !== 'cookie' && !name.startsWith('x-remote-'),
    ),
  );
}
