import { jsonType } from '#runtime/apiserver/codec/media-type.ts';
import type { Answer } from '#runtime/apiserver/http/answer.ts';
import type { Resource } from '#runtime/apiserver/registry/resource.ts';
import { viewOf } from '#runtime/apiserver/registry/view.ts';
import { partialObjectMetadata } from '#runtime/apiserver/table/table.ts';
import type { CachedObject } from '#runtime/storage/cache.ts';
import type { ApiRequest, VerbContext } from './context.ts';
import { readPage, type Page } from './list-page.ts';
import { presentationOf, tableOf, valueAnswer, type Presentation } from './presentation.ts';
import { readListQuery } from './selection.ts';

/** Answers a list. Stored bytes go out as they are; nothing is parsed unless a selector or the kind of answer needs it. */
export async function listObjects(context: VerbContext, request: ApiRequest, resource: Resource): Promise<Answer> {
  const how = presentationOf(request, 'list');
  const { options, selection } = readListQuery(request, resource, false);
  const page = await readPage(context, selection, options);
  return how.kind === 'plain' && !how.yaml && !how.pretty
    ? bytesAnswer(resource, page)
    : valueAnswer(200, listValue(resource, page, how, context.clock.now()), how);
}

interface ListMeta {
  readonly resourceVersion: string;
  readonly continue?: string;
  readonly remainingItemCount?: number;
}

/** Custom resources have a `continue` always, as Kubernetes gives them one. */
function listMetaOf(page: Page, always: boolean): ListMeta {
  return {
    ...(page.continue === '' && !always ? {} : { continue: page.continue }),
    resourceVersion: String(page.revision),
    ...(page.remaining === undefined ? {} : { remainingItemCount: page.remaining }),
  };
}

const tail = Buffer.from(']}\n');

function bytesAnswer(resource: Resource, page: Page): Answer {
  const { apiVersion, info } = resource;
  const opening = JSON.stringify({ kind: info.listKind, apiVersion, metadata: listMetaOf(page, resource.custom) });
  const head = Buffer.from(`${opening.slice(0, -1)},"items":[`);
  const items = page.objects.map((cached) => viewOf(resource, cached).bytes);
  return { status: 200, contentType: jsonType, body: { head, items, tail } };
}

/** A list as a value, in the kind that was asked for. */
export function listValue(resource: Resource, page: Page, how: Presentation, nowMs: number): unknown {
  const metadata = listMetaOf(page, resource.custom && how.kind === 'plain');
  const objects = page.objects.map((cached: CachedObject) => viewOf(resource, cached).object);
  switch (how.kind) {
    case 'plain':
      return { kind: resource.info.listKind, apiVersion: resource.apiVersion, metadata, items: objects };
    case 'metadata': {
      const apiVersion = `meta.k8s.io/${how.version}`;
      const items = objects.map((object) => partialObjectMetadata(object, apiVersion));
      return { kind: 'PartialObjectMetadataList', apiVersion, metadata, items };
    }
    case 'table':
      return tableOf(resource, objects, how, { listMeta: { ...metadata }, nowMs, header: true });
  }
}
