import { ApiError } from '#runtime/base/errors.ts';
import type { ReviewHandler } from '#runtime/apiserver/auth/reviews/review.ts';
import { jsonAnswer, pageNotFound, type Answer, type Stream } from '#runtime/apiserver/http/answer.ts';
import { methodNotAllowed } from '#runtime/apiserver/http/api-errors.ts';
import type { Attributes } from '#runtime/apiserver/http/request-attributes.ts';
import type { Resource } from '#runtime/apiserver/registry/resource.ts';
import { badRequest } from '#runtime/apiserver/http/api-errors.ts';
import type { KubeObject } from '#schemas/meta/object.ts';
import type { ApiRequest, VerbContext } from './context.ts';
import { create } from './create.ts';
import { decodeBody } from './decode-body.ts';
import { deleteCollection, deleteOne } from './delete.ts';
import { getObject, reach } from './get.ts';
import { listObjects } from './list.ts';
import { patch } from './patch.ts';
import { presentationOf, valueAnswer } from './presentation.ts';
import { getScale, patchScale, updateScale } from './scale.ts';
import { update } from './update.ts';
import { watchObjects } from './watch.ts';

export type Reviews = Readonly<Record<string, ReviewHandler>>;

type Verb = (context: VerbContext, request: ApiRequest, resource: Resource) => Promise<Answer | Stream>;

const verbs: Readonly<Record<string, Verb>> = {
  get: getObject,
  list: listObjects,
  watch: watchObjects,
  create,
  update,
  patch,
  delete: deleteOne,
  deletecollection: deleteCollection,
};

/** Answers a request for a resource by its verb; what is not served is 404, a verb that a resource lacks 405. */
export async function routeResource(
  context: VerbContext,
  request: ApiRequest,
  at: { readonly attributes: Attributes; readonly reviews: Reviews },
): Promise<Answer | Stream> {
  const { attributes, reviews } = at;
  const resource = await find(context, attributes);
  if (resource === undefined || attributes.beyond.length > 0) return pageNotFound();
  for (const warning of resource.warnings) request.warn(warning);
  if (attributes.subresource !== '') return routePart(context, request, { resource, reviews });
  const review = reviews[reviewPath(attributes)];
  if (review !== undefined) return answerReview(request, resource, review);
  const verb = Object.hasOwn(verbs, attributes.verb) ? verbs[attributes.verb] : undefined;
  if (verb === undefined || !isOffered(resource, attributes.verb)) throw methodNotAllowed();
  return verb(context, request, resource);
}

/** A resource that nobody has heard of may have been defined on another server a moment ago. */
async function find(context: VerbContext, attributes: Attributes): Promise<Resource | undefined> {
  const { group, version, resource, namespace } = attributes;
  let found = context.registry.lookup(group, version, resource);
  if (found === undefined && group.includes('.')) {
    await reach(context, undefined);
    found = context.registry.lookup(group, version, resource);
  }
  const isNamespace = group === '' && resource === 'namespaces';
  if (found === undefined || (namespace !== '' && !found.info.namespaced && !isNamespace)) return undefined;
  return found;
}

function isOffered(resource: Resource, verb: string): boolean {
  // A definition that is going refuses creates by a message of its own.
  return resource.terminating || resource.info.verbs.some((offered) => offered === verb);
}

function reviewPath({ group, resource, subresource }: Attributes | ApiRequest['attributes']): string {
  const path = `${group === '' ? 'core' : group}/${resource}`;
  return subresource === '' ? path : `${path}/${subresource}`;
}

async function routePart(
  context: VerbContext,
  request: ApiRequest,
  { resource, reviews }: { readonly resource: Resource; readonly reviews: Reviews },
): Promise<Answer | Stream> {
  const { verb, subresource, name } = request.attributes;
  const part = resource.info.subresources.find((candidate) => candidate.name === subresource);
  if (part === undefined) throw unknownPart(resource, name);
  if (!part.verbs.some((offered) => offered === verb)) throw methodNotAllowed();
  const review = reviews[reviewPath(request.attributes)];
  if (review !== undefined) return answerReview(request, resource, review);
  if (subresource === 'scale' && resource.scale !== undefined) return routeScale(context, request, { resource, verb });
  if (verb === 'get') return getObject(context, request, resource);
  return verb === 'update' ? update(context, request, resource) : patch(context, request, resource);
}

function routeScale(
  context: VerbContext,
  request: ApiRequest,
  at: { readonly resource: Resource; readonly verb: string },
): Promise<Answer> {
  const { resource, verb } = at;
  if (resource.scale === undefined) throw methodNotAllowed();
  if (verb === 'get') return getScale(context, request, resource, resource.scale);
  const write = verb === 'update' ? updateScale : patchScale;
  return write(context, request, resource, resource.scale);
}

function unknownPart(resource: Resource, name: string): ApiError {
  const { group, resource: kind } = resource.info;
  return new ApiError(404, 'NotFound', 'the server could not find the requested resource', { name, group, kind });
}

/** Reviews have no name, no version and no rest of the machinery: a question and its answer. */
async function answerReview(request: ApiRequest, resource: Resource, review: ReviewHandler): Promise<Answer> {
  const { attributes, user, query } = request;
  if (attributes.verb !== 'create') throw methodNotAllowed();
  const how = presentationOf(request, 'object');
  const { value } = await decodeBody(request, false);
  const { metadata, kind, apiVersion } = value;
  if (typeof kind !== 'string' || typeof apiVersion !== 'string')
    throw badRequest(`Object 'Kind' is missing in a request for ${resource.info.resource}`);
  const object = { ...value, kind, apiVersion, metadata: metadata ?? {} } as unknown as KubeObject;
  const answer = await review({
    user,
    namespace: attributes.namespace,
    name: attributes.name,
    object,
    dryRun: query.has('dryRun'),
  });
  return how.yaml || how.pretty ? valueAnswer(201, answer, how) : jsonAnswer(201, answer);
}
