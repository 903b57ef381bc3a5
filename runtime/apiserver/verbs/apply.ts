import { ApiError } from '#runtime/base/errors.ts';
import { isMap } from '#runtime/apiserver/codec/exact-number.ts';
import { parseYaml } from '#runtime/apiserver/codec/yaml.ts';
import { forbiddenRequest } from '#runtime/apiserver/auth/forbidden.ts';
import { badRequest, conflict, notFound, shown } from '#runtime/apiserver/http/api-errors.ts';
import type { Answer } from '#runtime/apiserver/http/answer.ts';
import { applyConfiguration } from '#runtime/apiserver/managed-fields/index.ts';
import { metadataTypeProblem } from '#runtime/apiserver/registry/metadata-rules.ts';
import type { Resource } from '#runtime/apiserver/registry/resource.ts';
import type { KubeObject } from '#schemas/meta/object.ts';
import { acceptObject, unreadable } from './accept-object.ts';
import type { ApiRequest, VerbContext } from './context.ts';
import { createObject } from './create-object.ts';
import { writeRequestOf } from './create.ts';
import { ignoredFields } from './field-managers.ts';
import { objectAnswer, presentationOf } from './presentation.ts';
import { settleWrite } from './settle-write.ts';
import { updateObject } from './update-object.ts';
import { parseWriteOptions } from './write-options.ts';
import type { WriteRequest, Written } from './write-request.ts';

/** How often apply changes its mind about whether the object is there before it gives up. */
const maxTurns = 5;

interface Wish {
  readonly write: WriteRequest;
  readonly name: string;
  readonly config: KubeObject;
  readonly force: boolean;
}

/** Answers a server-side apply: merges what the manager wants into what is there, or creates it (201, which needs that right as well). */
export async function apply(context: VerbContext, request: ApiRequest, resource: Resource): Promise<Answer> {
  const how = presentationOf(request, 'write');
  const { force } = parseWriteOptions(request, 'apply');
  const write = writeRequestOf(request, resource, 'apply');
  const { name } = request.attributes;
  const config = configOf(resource, write, { name, text: (await request.body()).toString('utf8') });
  const written = await applyWish(context, request, { write, name, config, force });
  await settleWrite(context, write, written);
  return objectAnswer(resource, written, how, { status: written.created ? 201 : 200, nowMs: context.clock.now() });
}

/** The cache decides which way to try first; the store decides whether it was right. */
async function applyWish(context: VerbContext, request: ApiRequest, wish: Wish): Promise<Written> {
  const { write, name } = wish;
  let isThere =
    context.cache.get(write.resource.info.collection, write.namespace, name) !== undefined || write.subresource !== '';
  for (let turn = 0; turn < maxTurns; turn += 1) {
    try {
      return isThere ? await applyToLive(context, wish) : await applyNew(context, request, wish);
    } catch (err) {
      const turned = isThere ? isReason(err, 'NotFound') && write.subresource === '' : isReason(err, 'AlreadyExists');
      if (!turned) throw err;
      isThere = !isThere;
      await context.cache.sync(context.signal);
    }
  }
  throw conflict(write.resource.info, name);
}

function isReason(err: unknown, reason: string): boolean {
  return err instanceof ApiError && err.reason === reason;
}

function applyToLive(context: VerbContext, wish: Wish): Promise<Written> {
  const { write, name } = wish;
  return updateObject(context, write, name, (live) => {
    const merged = merge(context, wish, live);
    return merged === live ? undefined : { object: accepted(write, name, merged), managed: true };
  });
}

async function applyNew(context: VerbContext, request: ApiRequest, wish: Wish): Promise<Written> {
  const { write, name, config } = wish;
  const attributes = { ...request.attributes, verb: 'create' };
  const decision = context.authorizer.authorize(attributes);
  if (!decision.allowed) throw forbiddenRequest(attributes, decision.reason);
  const { uid, resourceVersion } = config.metadata;
  if (uid !== undefined && uid !== '') {
    throw conflict(
      write.resource.info,
      name,
      `uid mismatch: the provided object specified uid ${uid}, and no existing object was found`,
    );
  }
  if (resourceVersion !== undefined && resourceVersion !== '' && resourceVersion !== '0')
    throw notFound(write.resource.info, name);
  return createObject(context, write, accepted(write, name, merge(context, wish, undefined)), true);
}

function merge(context: VerbContext, { write, config, force }: Wish, live: KubeObject | undefined): KubeObject {
  const { resource, manager, subresource } = write;
  return applyConfiguration({
    live,
    config,
    manager,
    force,
    subresource,
    apiVersion: resource.apiVersion,
    schema: resource.info.schema,
    now: context.clock.now(),
    ignored: ignoredFields(write),
  });
}

/** What does not fit the schema was refused while merging, so nothing is left to be told. */
function accepted(write: WriteRequest, name: string, object: KubeObject): KubeObject {
  return acceptObject({ ...write, fieldValidation: 'Ignore' }, object, {
    duplicates: [],
    target: { namespace: write.namespace, name },
  });
}

function configOf(
  resource: Resource,
  write: WriteRequest,
  from: { readonly name: string; readonly text: string },
): KubeObject {
  const { value, duplicates } = parseYaml(from.text);
  if (!isMap(value)) throw badRequest('error decoding YAML: the configuration is not an object');
  reportDuplicates(write, duplicates);
  const { metadata = {} } = value;
  const { apiVersion, kind } = typeOf(resource, value);
  const problem = metadataTypeProblem(metadata);
  if (problem !== undefined || !isMap(metadata)) throw unreadable(resource, problem ?? 'metadata: must be an object');
  requireSamePlace(write, from.name, metadata);
  const place = write.namespace === '' ? {} : { namespace: write.namespace };
  return { ...value, apiVersion, kind, metadata: { ...metadata, name: from.name, ...place } };
}

function typeOf(
  resource: Resource,
  value: Readonly<Record<string, unknown>>,
): { readonly apiVersion: string; readonly kind: string } {
  const { apiVersion, kind } = value;
  if (typeof apiVersion !== 'string' || apiVersion === '' || typeof kind !== 'string' || kind === '') {
    throw badRequest('invalid object type: /, Kind=');
  }
  if (kind === resource.info.kind) return { apiVersion, kind };
  throw badRequest(`the kind in the data (${kind}) does not match the expected kind (${resource.info.kind})`);
}

function requireSamePlace(write: WriteRequest, name: string, metadata: Readonly<Record<string, unknown>>): void {
  const { name: theirs, namespace } = metadata;
  if (typeof theirs === 'string' && theirs !== '' && theirs !== name) {
    throw badRequest(`the name of the object (${theirs}) does not match the name on the URL (${name})`);
  }
  if (typeof namespace === 'string' && namespace !== '' && namespace !== write.namespace) {
    throw badRequest('the namespace of the provided object does not match the namespace sent on the request');
  }
}

function reportDuplicates(write: WriteRequest, duplicates: readonly string[]): void {
  const texts = duplicates.map((path) => `duplicate field ${shown(path)}`);
  if (texts.length === 0 || write.fieldValidation === 'Ignore') return;
  if (write.fieldValidation === 'Strict') throw badRequest(`error strict decoding patch: ${texts.join(', ')}`);
  for (const text of texts) write.warn(text);
}
