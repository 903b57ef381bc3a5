import { randomBytes, randomUUID } from 'node:crypto';
import { BugError, type ApiError, type FieldFault } from '#runtime/base/errors.ts';
import { rfc3339 } from '#runtime/base/clock.ts';
import { alreadyExists, badRequest, forbidden, invalid, notGenerated } from '#runtime/apiserver/http/api-errors.ts';
import { draftOf, finished, type Draft } from '#runtime/apiserver/registry/draft.ts';
import {
  metadataFaults,
  metadataUpdateFaults,
  finalizerWarnings,
  ownerWarnings,
  uniqueOwners,
} from '#runtime/apiserver/registry/metadata-rules.ts';
import { invalidValue } from '#runtime/apiserver/registry/names.ts';
import type { Resource } from '#runtime/apiserver/registry/resource.ts';
import { toStored, wireOf } from '#runtime/apiserver/registry/view.ts';
import { encodeStored, wireBytes } from '#runtime/storage/object-codec.ts';
import { objectKey } from '#runtime/storage/object-key.ts';
import type { KubeObject } from '#schemas/meta/object.ts';
import { admitMutating, admitValidating } from './admit.ts';
import type { VerbContext } from './context.ts';
import { trackChange } from './field-managers.ts';
import { parseRevision } from './list-options.ts';
import { admissionOf, type WriteRequest, type Written } from './write-request.ts';

/** Tries to find a free name for `generateName` before giving up. */
const generateTries = 8;
const suffixLetters = 'bcdfghjklmnpqrstvwxz2456789';
const maxGeneratedBase = 58;

/**
 * Creates an object that was decoded, pruned and defaulted: system fields, admission, validation, managers, one transaction that demands that
 * nothing is there. Reads nothing from the store. With `managed` the object's managedFields are final already (apply).
 */
export async function createObject(
  context: VerbContext,
  write: WriteRequest,
  decoded: KubeObject,
  managed = false,
): Promise<Written> {
  const { info, terminating, strategy } = write.resource;
  const { name, generateName } = decoded.metadata;
  const isGenerated = !isGiven(name) && isGiven(generateName);
  if (terminating) throw forbidden(info, name, 'create not allowed while custom resource definition is terminating');
  const tries = isGenerated ? generateTries : 1;
  let tried = '';
  for (let attempt = 0; attempt < tries; attempt += 1) {
    const object = await admitted(context, write, finished(prepareCreate(context, write, decoded)));
    tellOf(write, decoded);
    tellOfKind(write, object, undefined);
    const tracked = managed ? object : trackChange(context, write, undefined, object);
    const written = await commitNew(context, write, completed(tracked, write.resource.strategy.completeCreate));
    if (written !== undefined) return written;
    tried = object.metadata.name;
  }
  throw isGiven(generateName) ? notGenerated(strategy.faultsName ?? info, tried) : taken(context, write, tried);
}

/** Tells who names an owner twice; `moment`: when that was seen. */
export function tellOfOwners(write: WriteRequest, { metadata }: KubeObject, moment = ''): void {
  for (const warning of ownerWarnings(metadata, moment)) write.warn(warning);
}

/** What is wrong or worth telling of an object that is valid. */
function tellOf(write: WriteRequest, { metadata }: KubeObject): void {
  if (!write.dryRun) requireUnversioned(metadata);
  if (write.resource.custom) for (const warning of finalizerWarnings(metadata)) write.warn(warning);
}

/** Tells what the kind has to say of an object that is valid. */
export function tellOfKind({ resource, warn }: WriteRequest, object: KubeObject, old: KubeObject | undefined): void {
  for (const warning of resource.strategy.warnings?.(object, old) ?? []) warn(warning);
}

function taken(context: VerbContext, { resource: { info }, namespace }: WriteRequest, name: string): ApiError {
  const other = context.cache.get(info.collection, namespace, name)?.object;
  const isGoing = other?.metadata.deletionTimestamp !== undefined;
  return alreadyExists(info, name, isGoing ? 'object is being deleted: ' : '');
}

/** The object with what the server changes of its own once it is known who owns what. */
export function completed(object: KubeObject, complete: ((draft: Draft) => void) | undefined): KubeObject {
  if (complete === undefined) return object;
  const draft = draftOf(object);
  complete(draft);
  return finished(draft);
}

function isGiven(text: string | undefined): boolean {
  return text !== undefined && text !== '';
}

function prepareCreate(context: VerbContext, write: WriteRequest, decoded: KubeObject): Draft {
  const { strategy } = write.resource;
  const draft = draftOf(decoded);
  const { metadata } = draft;
  if (!isGiven(metadata.name) && metadata.generateName !== undefined)
    metadata.name = generatedName(metadata.generateName);
  metadata.name ??= '';
  metadata.namespace = write.namespace === '' ? undefined : write.namespace;
  metadata.uid = randomUUID();
  metadata.creationTimestamp = rfc3339(context.clock.now());
  if (strategy.generation) metadata.generation = 1;
  metadata.resourceVersion = undefined;
  metadata.deletionTimestamp = undefined;
  metadata.deletionGracePeriodSeconds = undefined;
  if (strategy.status) delete draft['status'];
  strategy.prepareCreate?.(draft);
  if (metadata.ownerReferences !== undefined) metadata.ownerReferences = uniqueOwners(metadata.ownerReferences);
  return draft;
}

function generatedName(base: string): string {
  const bytes = randomBytes(5);
  const suffix = Array.from(bytes, (byte) => suffixLetters[byte % suffixLetters.length]).join('');
  return base.slice(0, maxGeneratedBase) + suffix;
}

async function admitted(context: VerbContext, write: WriteRequest, object: KubeObject): Promise<KubeObject> {
  const request = admissionOf(write, { operation: 'create', name: object.metadata.name, object, oldObject: undefined });
  const mutated = await admitMutating(context.admission, request);
  const defaulted = mutated === object ? object : write.resource.schema.applyDefaults(mutated);
  requireValid(write.resource, defaulted);
  await admitValidating(context.admission, defaulted === object ? request : { ...request, object: defaulted });
  return defaulted;
}

/** What is made by a PUT or an apply may name the version that its client saw last: some version, nobody asks which. */
export function withoutVersion(object: KubeObject): KubeObject {
  parseRevision(object.metadata.resourceVersion ?? null);
  const { resourceVersion: _, ...metadata } = object.metadata;
  return { ...object, metadata };
}

function requireUnversioned({ resourceVersion }: KubeObject['metadata']): void {
  if (resourceVersion !== undefined && /^0*[1-9]\d*$/u.test(resourceVersion))
    throw badRequest('resourceVersion should not be set on objects to be created');
}

/** What an object is an update of, and where it was written. */
interface Update {
  readonly old: KubeObject;
  /** Empty for the object itself. */
  readonly subresource: string;
}

/** Throws 422 with every fault of metadata, schema and kind. */
export function requireValid(resource: Resource, object: KubeObject, update?: Update): void {
  const { info, strategy } = resource;
  const isOwn = object.kind === info.kind;
  const faults = (isOwn ? ownFaults : foreignFaults)(resource, object, update);
  if (faults.length === 0) return;
  throw invalid(isOwn ? (strategy.faultsName ?? info) : { ...info, kind: object.kind }, object.metadata.name, faults);
}

function ownFaults(resource: Resource, object: KubeObject, update: Update | undefined): readonly FieldFault[] {
  const { schema, strategy } = resource;
  const { old, subresource = '' } = update ?? {};
  const head = [
    ...metadataFaults(object.metadata, strategy),
    ...(old === undefined ? [] : metadataUpdateFaults(object, old)),
  ];
  const special = strategy.validate?.(object, old, subresource) ?? [];
  const own = [...schema.validate(object, old, { found: [...head, ...special] }), ...special];
  const all = [...head, ...own];
  if (old !== undefined || strategy.toldLast === undefined) return all;
  const last = new Set(strategy.toldLast === 'metadata' ? head : head.filter(isBadName));
  return all.length === last.size ? all : all.filter((fault) => !last.has(fault));
}

function isBadName({ field, reason }: FieldFault): boolean {
  return field === 'metadata.name' && reason === 'FieldValueInvalid';
}

/** A custom object of another kind is refused for what it is; the rules of this one are told of it all the same, as Kubernetes does. */
function foreignFaults(
  { info, schema }: Resource,
  object: KubeObject,
  update: Update | undefined,
): readonly FieldFault[] {
  const { name, ...nameless } = object.metadata;
  const metadata = (name === '' ? nameless : object.metadata) as KubeObject['metadata'];
  const found = [invalidValue('kind', object.kind, `must be ${info.kind}`)];
  return [...found, ...schema.validate({ ...object, metadata }, update?.old, { found, isForeign: true })];
}

/** Undefined when the name is taken. */
async function commitNew(context: VerbContext, write: WriteRequest, object: KubeObject): Promise<Written | undefined> {
  const { resource } = write;
  const { collection } = resource.info;
  const key = objectKey(collection, write.namespace, object.metadata.name);
  const stored = encodeStored(toStored(resource, object));
  if (write.dryRun) return dryRunCreate(context, write, object);
  const { ttlSeconds } = resource.strategy;
  const put = { key, value: stored, ...(ttlSeconds === undefined ? {} : { ttlSeconds }) };
  const outcome = await context.store.commit({ if: [{ key, revision: 0 }], put: [put] });
  if (!outcome.committed) return undefined;
  return writtenAt(resource, object, { stored, revision: outcome.revision, created: true });
}

async function dryRunCreate(
  context: VerbContext,
  write: WriteRequest,
  object: KubeObject,
): Promise<Written | undefined> {
  await context.cache.sync(context.signal);
  const taken = context.cache.get(write.resource.info.collection, write.namespace, object.metadata.name);
  return taken === undefined ? { object, bytes: encodeStored(object), created: true } : undefined;
}

/** What is answered for an object that was committed as `stored`. */
export function writtenAt(
  resource: Resource,
  object: KubeObject,
  at: { readonly stored: Buffer; readonly revision: number; readonly created: boolean },
): Written {
  const { stored, revision, created } = at;
  const same = resource.conversion === undefined && object.apiVersion === resource.storedApiVersion;
  const bytes = same ? wireBytes(stored, revision) : wireOf(object, revision);
  if (bytes === undefined) throw new BugError('an object was stored in another spelling than ours');
  const metadata = { ...object.metadata, resourceVersion: String(revision) };
  return { object: { ...object, metadata }, bytes, created };
}
