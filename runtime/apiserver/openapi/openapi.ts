import type { ResourceInfo } from '#runtime/apiserver/operations.ts';
import { etagOf, hashOf } from '#runtime/apiserver/discovery/etag.ts';
import { documentKey } from './names.ts';
import { openApiV2Document } from './v2.ts';
import { openApiV3Document } from './v3.ts';

/** A document ready to be sent. `hash` is what `?hash=` must say for it to be cached for ever. */
export interface RenderedDocument {
  readonly body: Buffer;
  readonly hash: string;
  readonly etag: string;
}

/** The OpenAPI documents of one set of resources. Each is made when it is first asked for and kept. */
export interface OpenApiDocuments {
  /** `GET /openapi/v3` */
  index(): RenderedDocument;
  /** `GET /openapi/v3/<key>`, the key as in the index (`api/v1`, `apis/<group>/<version>`); undefined when it is not served. */
  document(key: string): RenderedDocument | undefined;
  /** `GET /openapi/v2` for clients that accept JSON (Terraform reads ObjectMeta from it). */
  v2Json(): RenderedDocument;
  /**
   * `GET /openapi/v2` for clients that want gnostic's protobuf: an empty message. kubectl 1.27 and 1.28 need the answer but not what is in it,
   * newer ones read version 3; a document that named some kinds only would make them refuse what it lacks.
   */
  v2Protobuf(): RenderedDocument;
}

/** The Content-Type of v2 as protobuf; clients ask for it with `@` in place of the dot before `v1`, too. */
export const V2_PROTOBUF_TYPE = 'application/com.github.proto-openapi.spec.v2.v1.0+protobuf';

/** How many documents of versions that are gone are kept for a set that comes back, as when a CRD is replaced. */
const MAX_KEPT = 256;

/** Makes documents for changing sets of resources; a group and version whose resources did not change keeps its document. */
export function createOpenApi(serverVersion: string): (resources: readonly ResourceInfo[]) => OpenApiDocuments {
  const kept = new Map<string, RenderedDocument>();
  const numbers = new WeakMap<ResourceInfo, number>();
  let last: { readonly resources: readonly ResourceInfo[]; readonly documents: OpenApiDocuments } | undefined;
  let counter = 0;
  const identityOf = (resource: ResourceInfo): number => {
    const known = numbers.get(resource) ?? (counter += 1);
    numbers.set(resource, known);
    return known;
  };
  const cached = (key: string, make: () => RenderedDocument): RenderedDocument => {
    const known = kept.get(key);
    if (known !== undefined) return known;
    const oldest = kept.size < MAX_KEPT ? undefined : kept.keys().next().value;
    if (oldest !== undefined) kept.delete(oldest);
    const fresh = make();
    kept.set(key, fresh);
    return fresh;
  };
  return (resources) => {
    if (last?.resources === resources) return last.documents;
    const documents = documentsOf({ resources, serverVersion, identityOf, cached });
    last = { resources, documents };
    return documents;
  };
}

interface Source {
  readonly resources: readonly ResourceInfo[];
  readonly serverVersion: string;
  readonly identityOf: (resource: ResourceInfo) => number;
  readonly cached: (key: string, make: () => RenderedDocument) => RenderedDocument;
}

function documentsOf({ resources, serverVersion, identityOf, cached }: Source): OpenApiDocuments {
  const byKey = Map.groupBy(resources, ({ group, version }) => documentKey(group, version));
  const identity = (some: readonly ResourceInfo[]): string => some.map(identityOf).join(',');
  const document = (key: string): RenderedDocument | undefined => {
    const ofKey = byKey.get(key);
    if (ofKey === undefined) return undefined;
    return cached(`v3:${identity(ofKey)}`, () => renderJson(openApiV3Document(ofKey, serverVersion)));
  };
  const index = (): RenderedDocument => {
    const paths = [...byKey.keys()].toSorted().map((key) => {
      return [key, { serverRelativeURL: `/openapi/v3/${key}?hash=${document(key)?.hash ?? ''}` }] as const;
    });
    return renderJson({ paths: Object.fromEntries(paths) });
  };
  return {
    index: () => cached(`index:${identity(resources)}`, index),
    document,
    v2Json: () => cached(`v2:${identity(resources)}`, () => renderJson(openApiV2Document(resources, serverVersion))),
    v2Protobuf: () => EMPTY,
  };
}

const EMPTY = rendered(Buffer.alloc(0));

function renderJson(value: unknown): RenderedDocument {
  return rendered(Buffer.from(`${JSON.stringify(value)}\n`));
}

function rendered(body: Buffer): RenderedDocument {
  return { body, hash: hashOf(body), etag: etagOf(body) };
}
