import type { IncomingHttpHeaders } from 'node:http';
import {
  aggregatedContentType,
  aggregatedDiscovery,
  type DiscoveryVersion,
} from '#runtime/apiserver/discovery/aggregated.ts';
import { etagOf, matchesEtag } from '#runtime/apiserver/discovery/etag.ts';
import {
  legacyGroup,
  legacyGroupList,
  legacyResourceList,
  legacyVersions,
} from '#runtime/apiserver/discovery/legacy.ts';
import { jsonType, negotiateAccept, type MediaOffer } from '#runtime/apiserver/codec/media-type.ts';
import { V2_PROTOBUF_TYPE, type OpenApiDocuments, type RenderedDocument } from '#runtime/apiserver/openapi/openapi.ts';
import type { ResourceInfo } from '#runtime/apiserver/operations.ts';
import { jsonAnswer, type Answer } from './answer.ts';

/** What discovery and OpenAPI are made from. */
export interface DocumentSource {
  /** The same list as long as nothing changes. */
  readonly infos: () => readonly ResourceInfo[];
  /** Without what other servers answer for. */
  readonly ownInfos: () => readonly ResourceInfo[];
  readonly openApi: (resources: readonly ResourceInfo[]) => OpenApiDocuments;
  /** host:port under which clients reach this server. */
  readonly serverAddress: () => string;
}

export interface DocumentRequest {
  readonly segments: readonly string[];
  readonly query: URLSearchParams;
  readonly headers: IncomingHttpHeaders;
}

/** Answers the paths that describe the API; undefined for all others. */
export type DocumentRoute = (request: DocumentRequest) => Answer | undefined;

const discoveryOffers: readonly MediaOffer[] = [
  { type: jsonType },
  { type: jsonType, as: 'APIGroupDiscoveryList', group: 'apidiscovery.k8s.io', version: 'v2' },
  { type: jsonType, as: 'APIGroupDiscoveryList', group: 'apidiscovery.k8s.io', version: 'v2beta1' },
];

/** Bodies are made once for a set of resources, together with their ETag. */
export function createDocumentRoute(source: DocumentSource): DocumentRoute {
  let made: { readonly infos: readonly ResourceInfo[]; readonly roots: Map<string, RootDocument> } | undefined;
  const root = (key: string, make: (infos: readonly ResourceInfo[]) => unknown, contentType: string): RootDocument => {
    const infos = source.infos();
    if (made?.infos !== infos) made = { infos, roots: new Map() };
    const known = made.roots.get(key);
    if (known !== undefined) return known;
    const body = Buffer.from(`${JSON.stringify(make(infos))}\n`);
    const document = { body, etag: etagOf(body), contentType };
    made.roots.set(key, document);
    return document;
  };
  return (request) => {
    const [first] = request.segments;
    if (first === 'openapi') return openApiAnswer(source.openApi(source.ownInfos()), request);
    if (first !== 'api' && first !== 'apis') return undefined;
    if (request.segments.length === 1) return rootAnswer(request, first, { root, serverAddress: source.serverAddress });
    return groupAnswer(source.infos(), request.segments);
  };
}

interface RootDocument {
  readonly body: Buffer;
  readonly etag: string;
  readonly contentType: string;
}

interface RootMaker {
  readonly root: (key: string, make: (infos: readonly ResourceInfo[]) => unknown, contentType: string) => RootDocument;
  readonly serverAddress: () => string;
}

function rootAnswer(request: DocumentRequest, place: 'api' | 'apis', { root, serverAddress }: RootMaker): Answer {
  const chosen = negotiateAccept(request.headers.accept, discoveryOffers);
  if (chosen?.as === undefined) {
    const make = (infos: readonly ResourceInfo[]): unknown =>
      place === 'api' ? legacyVersions(infos, serverAddress()) : legacyGroupList(infos);
    const { body } = root(place, make, jsonType);
    return { status: 200, contentType: jsonType, body, headers: { Vary: 'Accept' } };
  }
  const version: DiscoveryVersion = chosen.version === 'v2beta1' ? 'v2beta1' : 'v2';
  const document = root(
    `${place} ${version}`,
    (infos) => aggregatedDiscovery(infos, place, version),
    aggregatedContentType(version),
  );
  return cachedAnswer(request, document, { 'Cache-Control': 'public' });
}

function groupAnswer(infos: readonly ResourceInfo[], segments: readonly string[]): Answer | undefined {
  const [place, first = '', second] = segments;
  const isGroup = place === 'apis' && second === undefined;
  if (segments.length > (place === 'api' ? 2 : 3)) return undefined;
  const found = isGroup
    ? legacyGroup(infos, first)
    : legacyResourceList(
        infos,
        place === 'api' ? { group: '', version: first } : { group: first, version: second ?? '' },
      );
  return found === undefined ? undefined : jsonAnswer(200, found);
}

function cachedAnswer(
  request: DocumentRequest,
  document: RootDocument,
  headers: Readonly<Record<string, string>>,
): Answer {
  const { body, etag, contentType } = document;
  const all = { ...headers, ETag: etag, Vary: 'Accept' };
  if (matchesEtag(request.headers['if-none-match'], etag))
    return { status: 304, contentType, body: Buffer.alloc(0), headers: all };
  return { status: 200, contentType, body, headers: all };
}

const v2Offers: readonly MediaOffer[] = [
  { type: jsonType },
  { type: V2_PROTOBUF_TYPE },
  { type: V2_PROTOBUF_TYPE.replace('.v1.0', '@v1.0') },
];

function openApiAnswer(documents: OpenApiDocuments, request: DocumentRequest): Answer | undefined {
  const [, version, ...rest] = request.segments;
  if (version === 'v2' && rest.length === 0) {
    const chosen = negotiateAccept(request.headers.accept, v2Offers) ?? { type: jsonType };
    return chosen.type === jsonType
      ? rendered(request, documents.v2Json(), jsonType)
      : rendered(request, documents.v2Protobuf(), V2_PROTOBUF_TYPE);
  }
  if (version !== 'v3') return undefined;
  return rest.length === 0
    ? rendered(request, documents.index(), jsonType)
    : versionDocument(documents, request, rest.join('/'));
}

const yearMs = 365 * 24 * 3_600_000;

/** A document under its hash never changes; under another hash it has moved. */
function versionDocument(documents: OpenApiDocuments, request: DocumentRequest, key: string): Answer | undefined {
  const document = documents.document(key);
  if (document === undefined) return undefined;
  const hash = request.query.get('hash');
  if (hash === null || hash === '') return rendered(request, document, jsonType);
  if (hash !== document.hash) {
    const location = `/openapi/v3/${key}?hash=${document.hash}`;
    return {
      status: 301,
      contentType: 'text/plain; charset=utf-8',
      body: Buffer.alloc(0),
      headers: { Location: location },
    };
  }
  const expires = new Date(Date.now() + yearMs).toUTCString();
  return cachedAnswer(
    request,
    { ...document, contentType: jsonType },
    { 'Cache-Control': 'public, immutable', Expires: expires },
  );
}

function rendered(request: DocumentRequest, document: RenderedDocument, contentType: string): Answer {
  return cachedAnswer(request, { ...document, contentType }, {});
}
