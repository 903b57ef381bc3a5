import { ApiError } from '#runtime/base/errors.ts';
import { isMap } from '#runtime/apiserver/codec/exact-number.ts';
import { parseYaml } from '#runtime/apiserver/codec/yaml.ts';
import { badRequest, conflict, shown } from '#runtime/apiserver/http/api-errors.ts';
import type { Answer } from '#runtime/apiserver/http/answer.ts';
import { applyConfiguration } from '#runtime/apiserver/managed-fields/index.ts';
import type { Resource } from '#runtime/apiserver/registry/resource.ts';
import type { KubeObject } from '#schemas/meta/object.ts';
import { acceptObject } from './accept-object.ts';
import type { ApiRequest, VerbContext } from './context.ts';
import { createObject, withoutVersion } from './create-object.ts';
import { writeRequestOf } from './create.ts';
import { ignoredFields } from './field-managers.ts';
import { onDemand } from './on-demand.ts';
import { objectAnswer, presentationOf } from './presentation.ts';
import { requireAllowed } from './require-allowed.ts';
import { settleWrite } from './settle-write.ts';
import { requireVersion, updateObject } from './update-object.ts';
import { parseWriteOptions } from './write-options.ts';
import type { WriteRequest, Written } from './write-request.ts';

/** How often apply changes its mind about whether the object is there before it gives up. */
const maxTurns = 5;

interface Wish {
  readonly write: WriteRequest;
  readonly name: string;
  /** Read when it is known what it is for: what is not there is told first. */
  readonly config: () => KubeObject;
  readonly force: boolean;
}

/** Answers a server-side apply: merges what the manager wants into what is there, or creates it (201, which needs that right as well). */
export async function apply(context: VerbContext, request: ApiRequest, resource: Resource): Promise<Answer> {
  const how = presentationOf(request, 'write');
  const { force } = parseWriteOptions(request, 'apply');
  const write = writeRequestOf(request, resource, 'apply');
  const { name } = request.attributes;
  const text = (await request.body()).toString('utf8');
  const config = onDemand(() => configOf(resource, write, text));
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
    if (merged === live) return undefined;
    const object = accepted(write, name, merged);
    requireVersion(write.resource, object);
    return { object, managed: true };
  });
}

async function applyNew(context: VerbContext, request: ApiRequest, wish: Wish): Promise<Written> {
  const { write, name } = wish;
  requireAllowed(context, { ...request.attributes, verb: 'create' });
  const object = accepted(write, name, merge(context, wish, undefined));
  return createObject(context, write, withoutVersion(object), true);
}

function merge(context: VerbContext, wish: Wish, live: KubeObject | undefined): KubeObject {
  const { write, name, force } = wish;
  const { resource, manager, subresource } = write;
  const config = wish.config();
  const merged = applyConfiguration({
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
  if (live === undefined) requireNoUid(write, name, config.metadata);
  requireSamePlace(write, name, config.metadata);
  return merged;
}

/** A uid means an object that was there once. */
function requireNoUid({ resource }: WriteRequest, name: string, { uid = '' }: KubeObject['metadata']): void {
  if (uid === '') return;
  const why = `uid mismatch: the provided object specified uid ${uid}, and no existing object was found`;
  throw conflict(resource.info, name, why);
}

/** What does not fit the schema was refused while merging, so nothing is left to be told. */
function accepted(write: WriteRequest, name: string, object: KubeObject): KubeObject {
  return acceptObject({ ...write, fieldValidation: 'Ignore' }, object, {
    duplicates: [],
    target: { namespace: write.namespace, name },
  });
}

function configOf(resource: Resource, write: WriteRequest, text: string): KubeObject {
  const { value: parsed, duplicates } = parseYaml(text);
  const value = parsed ?? {};
  if (!isMap(value)) throw badRequest('error decoding YAML: the configuration is not an object');
  const metadata = value['metadata'] ?? {};
  const { apiVersion, kind } = typeOf(resource, value);
  reportDuplicates(write, duplicates);
  return { ...value, apiVersion, kind, metadata: metadata as unknown as KubeObject['metadata'] };
}

function typeOf(
  resource: Resource,
  value: Readonly<Record<string, unknown>>,
): { readonly apiVersion: string; readonly kind: string } {
  const { apiVersion, kind } = value;
  if (typeof apiVersion !== 'string' || apiVersion === '' || typeof kind !== 'string' || kind === '') {
    throw unknownType(apiVersion, kind);
  }
  const isOfGroup = resource.custom && groupOf(apiVersion) === resource.info.group;
  if (kind === resource.info.kind && (isOfGroup || apiVersion === resource.apiVersion)) return { apiVersion, kind };
  throw unknownType(apiVersion, kind);
}

function groupOf(apiVersion: string): string {
  return apiVersion.slice(0, Math.max(0, apiVersion.indexOf('/')));
}

function unknownType(apiVersion: unknown, kind: unknown): ApiError {
  const group = shownText(apiVersion);
  return badRequest(`invalid object type: ${group.includes('/') ? '' : '/'}${group}, Kind=${shownText(kind)}`);
}

function shownText(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

function requireSamePlace(write: WriteRequest, name: string, metadata: KubeObject['metadata']): void {
  const { name: theirs = '', namespace } = metadata as { readonly name?: string; readonly namespace?: string };
  if (
    typeof namespace === 'string' &&
    namespace !== '' &&
    write.resource.info.namespaced &&
    namespace !== write.namespace
  ) {
    throw badRequest('the namespace of the provided object does not match the namespace sent on the request');
  }
  if (metadata.name === '') {
    throw badRequest(`the name of the object (${name} based on URL) was undeterminable: name must be provided`);
  }
  if (theirs !== '' && theirs !== name) {
    throw badRequest(`the name of the object (${theirs}) does not match the name on the URL (${name})`);
  }
}

function reportDuplicates(write: WriteRequest, duplicates: readonly string[]): void {
  const texts = duplicates.map((path) => `duplicate field ${shown(path)}`);
  if (texts.length === 0 || write.fieldValidation === 'Ignore') return;
  if (write.fieldValidation === 'Strict') throw badRequest(`error strict decoding patch: ${texts.join(', ')}`);
  for (const text of texts) write.warn(text);
}
