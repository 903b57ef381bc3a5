import { ApiError } from '#runtime/base/errors.ts';
import {
  jsonType,
  metaOffers,
  negotiateAccept,
  plainOffers,
  yamlType,
  type MediaOffer,
  type NegotiatedType,
} from '#runtime/apiserver/codec/media-type.ts';
import { stringifyYaml } from '#runtime/apiserver/codec/yaml.ts';
import { jsonAnswer, type Answer } from '#runtime/apiserver/http/answer.ts';
import { badRequest } from '#runtime/apiserver/http/api-errors.ts';
import type { Resource } from '#runtime/apiserver/registry/resource.ts';
import { partialObjectMetadata, toTable, type IncludeObject, type Table } from '#runtime/apiserver/table/table.ts';
import type { KubeObject } from '#schemas/meta/object.ts';
import type { ApiRequest } from './context.ts';

/** How an answer is written: as stored (`plain`), cut down to metadata, or as a table. */
export interface Presentation {
  readonly kind: 'plain' | 'table' | 'metadata';
  /** Of `meta.k8s.io`, for the two others. */
  readonly version: 'v1' | 'v1beta1';
  readonly yaml: boolean;
  /** Indented: asked for, or a browser. */
  readonly pretty: boolean;
  readonly includeObject: IncludeObject;
}

const objectOffers = metaOffers('Table', 'PartialObjectMetadata');
const listOffers = metaOffers('Table', 'PartialObjectMetadataList');
const watchOffers = metaOffers('Table', 'PartialObjectMetadata').filter(({ type }) => type === jsonType);
const writeOffers: readonly MediaOffer[] = [...plainOffers, ...metaOffers('Table', 'PartialObjectMetadata')];

const offersFor = {
  object: objectOffers,
  list: listOffers,
  watch: watchOffers,
  write: writeOffers,
} as const;

/** Other parts of an object than these have no columns. */
const partsWithColumns: readonly string[] = ['', 'status', 'scale'];

/** Chooses how to answer from `Accept` and the query; 406 when nothing that is accepted can be made. */
export function presentationOf(request: ApiRequest, what: keyof typeof offersFor): Presentation {
  const { headers, query, attributes } = request;
  const hasColumns = partsWithColumns.includes(attributes.subresource);
  const offers = hasColumns ? offersFor[what] : offersFor[what].filter(({ as }) => as !== 'Table');
  const chosen = negotiateAccept(headers.accept, offers);
  if (chosen === undefined) throw notAcceptable(offers);
  return {
    kind: chosen.as === 'Table' ? 'table' : chosen.as === undefined ? 'plain' : 'metadata',
    version: chosen.version === 'v1beta1' ? 'v1beta1' : 'v1',
    yaml: chosen.type === yamlType,
    pretty: isPretty(request, chosen),
    includeObject: includeObjectOf(query.get('includeObject')),
  };
}

function isPretty(request: ApiRequest, chosen: NegotiatedType): boolean {
  const asked = request.query.get('pretty');
  if (asked !== null) return asked !== 'false' && asked !== '0';
  return chosen.pretty === true || /^(?:curl|Wget|Mozilla\/5\.0)/u.test(request.headers['user-agent'] ?? '');
}

function includeObjectOf(value: string | null): IncludeObject {
  if (value === null || value === '') return 'Metadata';
  if (value === 'None' || value === 'Metadata' || value === 'Object') return value;
  throw badRequest(`unrecognized includeObject value: ${JSON.stringify(value)}`);
}

function notAcceptable(offers: readonly MediaOffer[]): ApiError {
  const types = [...new Set(offers.map(({ type }) => type))].join(', ');
  return new ApiError(406, 'NotAcceptable', `only the following media types are accepted: ${types}`);
}

const newline = Buffer.from('\n');

/** An answer of one object; `bytes` go out as they are in the usual case. */
export function objectAnswer(
  resource: Resource,
  shown: { readonly object: KubeObject; readonly bytes: Buffer },
  how: Presentation,
  at: { readonly status: number; readonly nowMs: number },
): Answer {
  const { status, nowMs } = at;
  if (how.kind === 'plain' && !how.yaml && !how.pretty)
    return { status, contentType: jsonType, body: Buffer.concat([shown.bytes, newline]) };
  return valueAnswer(status, renderObject(resource, shown.object, how, { nowMs, header: true }), how);
}

/** Any value, in the syntax that was asked for. */
export function valueAnswer(status: number, value: unknown, how: Pick<Presentation, 'yaml' | 'pretty'>): Answer {
  if (how.yaml) return { status, contentType: yamlType, body: Buffer.from(stringifyYaml(value)) };
  if (how.pretty) return { status, contentType: jsonType, body: Buffer.from(`${JSON.stringify(value, null, 2)}\n`) };
  return jsonAnswer(status, value);
}

/** One object as it is shown; `header` puts the columns into a table. */
export function renderObject(
  resource: Resource,
  object: KubeObject,
  how: Presentation,
  { nowMs, header }: { readonly nowMs: number; readonly header: boolean },
): unknown {
  switch (how.kind) {
    case 'plain':
      return object;
    case 'metadata':
      return partialObjectMetadata(object, `meta.k8s.io/${how.version}`);
    case 'table': {
      const listMeta = { resourceVersion: object.metadata.resourceVersion };
      return tableOf(resource, [object], how, { listMeta, nowMs, header });
    }
  }
}

export function tableOf(
  resource: Resource,
  objects: readonly KubeObject[],
  how: Presentation,
  around: { readonly listMeta: Readonly<Record<string, unknown>>; readonly nowMs: number; readonly header: boolean },
): Table {
  return toTable({
    columns: resource.columns,
    objects,
    listMeta: around.listMeta,
    includeObject: how.includeObject,
    now: around.nowMs,
    withHeader: around.header,
    version: how.version,
  });
}
