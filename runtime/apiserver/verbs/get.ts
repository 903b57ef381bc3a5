import type { Answer } from '#runtime/apiserver/http/answer.ts';
import { notFound } from '#runtime/apiserver/http/api-errors.ts';
import type { Resource } from '#runtime/apiserver/registry/resource.ts';
import { viewOf } from '#runtime/apiserver/registry/view.ts';
import type { CachedObject } from '#runtime/storage/cache.ts';
import type { ApiRequest, VerbContext } from './context.ts';
import { parseRevision } from './list-options.ts';
import { objectAnswer, presentationOf } from './presentation.ts';

/** Answers a read of one object; linearizable unless the request says that an older state will do. */
export async function getObject(context: VerbContext, request: ApiRequest, resource: Resource): Promise<Answer> {
  const how = presentationOf(request, 'object');
  await reach(context, parseRevision(request.query.get('resourceVersion')));
  const found = readOne(context, request, resource);
  return objectAnswer(resource, viewOf(resource, found), how, { status: 200, nowMs: context.clock.now() });
}

/** Brings the cache to what a read asks for: the present (undefined), anything (0), or at least a revision. */
export async function reach(context: VerbContext, revision: number | undefined): Promise<void> {
  if (revision === undefined) await context.cache.sync(context.signal);
  else if (revision > context.cache.revision) await context.cache.waitFor(revision, { signal: context.signal });
}

/** The object that the request names, from the cache as it is. */
export function readOne(context: VerbContext, request: ApiRequest, resource: Resource): CachedObject {
  const { namespace, name } = request.attributes;
  const found = context.cache.get(resource.info.collection, resource.info.namespaced ? namespace : '', name);
  if (found === undefined) throw notFound(resource.info, name);
  return found;
}
