import { secretKind } from '#schemas/meta/builtin.ts';
import { ANNOTATIONS, LABELS, MANAGED_BY } from '#schemas/meta/names.ts';
import type { KubeObject, OwnerReference } from '#schemas/meta/object.ts';
import { ApiError, RefusedError } from '#runtime/base/errors.ts';
import type { Client, ObjectKey } from '#runtime/client/client.ts';
import { resourceTypeOf } from '#runtime/client/resource-type.ts';
import type { Cache } from '#runtime/manager/cache.ts';

const secretType = resourceTypeOf(secretKind);

type SecretObject = KubeObject & { readonly type?: string; readonly data?: Readonly<Record<string, string>> };

/** A Secret with its values as text. */
export interface SecretContent {
  readonly resourceVersion: string;
  readonly values: Readonly<Record<string, string>>;
  /** Our own remarks, by annotation. */
  readonly notes: Readonly<Record<string, string>>;
  /** Made by us, for the object that this names. */
  readonly madeFor: string | undefined;
}

/** `undefined` when it is not there. */
export async function readSecret(
  client: Client,
  key: ObjectKey,
  signal: AbortSignal,
): Promise<SecretContent | undefined> {
  const secret = await client.get<SecretObject>(secretType, key, signal);
  return secret && contentOf(secret);
}

/** The same without a question where the cache shows none: who makes one in this moment is found out when it is written. */
export async function readKnownSecret(
  { client, cache }: { readonly client: Client; readonly cache: Cache },
  key: ObjectKey,
  signal: AbortSignal,
): Promise<SecretContent | undefined> {
  return cache.get(secretKind, key) === undefined ? undefined : await readSecret(client, key, signal);
}

/** What a Secret is to hold, and for whom: nobody else's Secret is ever written. */
export interface SecretOrder {
  readonly key: ObjectKey & { readonly namespace: string };
  readonly type: 'kubernetes.io/tls' | 'Opaque';
  /** Who writes it, for the server's notes of whose fields are whose. */
  readonly fieldManager: 'wcp360-certificates' | 'wcp360-database-users';
  readonly values: Readonly<Record<string, string>>;
  /** `Certificate/acme/shop` */
  readonly madeFor: string;
  /** Remarks that are stored with it, by annotation. */
  readonly notes?: Readonly<Record<string, string>>;
  /** Goes with it. */
  readonly owner?: OwnerReference;
  /** What was read of it before; it is read anew unless given. Who wrote it meanwhile wins. */
  readonly before?: { readonly there: SecretContent | undefined };
}

/** Writes a Secret of ours, and gives what is there then. RefusedError `SecretNotOurs` when there is one of the name that somebody else made. */
export async function writeSecret(client: Client, order: SecretOrder, signal: AbortSignal): Promise<SecretContent> {
  const { key, type, fieldManager, values, madeFor, notes, owner, before } = order;
  const { there } = before ?? { there: await readSecret(client, key, signal) };
  if (there !== undefined && there.madeFor !== madeFor) throw notOurs(key.name);
  const object: SecretObject = {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: {
      ...key,
      labels: { [LABELS.managedBy]: MANAGED_BY },
      annotations: { ...notes, [ANNOTATIONS.owner]: madeFor },
      ...(owner === undefined ? {} : { ownerReferences: [owner] }),
      // Nobody made one of the name since it was looked at.
      ...(there === undefined ? {} : { resourceVersion: there.resourceVersion }),
    },
    type,
    data: Object.fromEntries(
      Object.entries(values).map(([name, text]) => [name, Buffer.from(text).toString('base64')]),
    ),
  };
  if (there === undefined) return contentOf(await created(client, { object, fieldManager, madeFor }, signal));
  return contentOf(await client.apply<SecretObject>(secretType, object, { fieldManager, force: true, signal }));
}

/** Deletes a Secret that we made for somebody; nothing when it is another's. */
export async function deleteSecret(
  client: Client,
  { key, madeFor }: Pick<SecretOrder, 'key' | 'madeFor'>,
  signal: AbortSignal,
): Promise<void> {
  const there = await readSecret(client, key, signal);
  if (there?.madeFor !== madeFor) return;
  await client.delete(secretType, key, { preconditions: { resourceVersion: there.resourceVersion }, signal });
}

/** ApiError AlreadyExists when somebody made it in this moment for the same object. */
async function created(
  client: Client,
  { object, fieldManager, madeFor }: Pick<SecretOrder, 'fieldManager' | 'madeFor'> & { readonly object: SecretObject },
  signal: AbortSignal,
): Promise<SecretObject> {
  try {
    return await client.create<SecretObject>(secretType, object, { fieldManager, signal });
  } catch (err) {
    if (!(err instanceof ApiError) || err.reason !== 'AlreadyExists') throw err;
    const { namespace, name } = object.metadata;
    const there = await readSecret(client, { namespace, name }, signal);
    if (there === undefined || there.madeFor === madeFor) throw err;
    throw notOurs(name, err);
  }
}

/** Why a Secret that somebody else made is not written. */
export function notOurs(name: string, cause?: unknown): RefusedError {
  return new RefusedError(
    'SecretNotOurs',
    `There is a Secret ${name} that was made for something else; choose another secretName, or delete it.`,
    { cause },
  );
}

function contentOf({ metadata, data = {} }: SecretObject): SecretContent {
  return {
    resourceVersion: metadata.resourceVersion ?? '',
    notes: metadata.annotations ?? {},
    madeFor: metadata.annotations?.[ANNOTATIONS.owner],
    values: Object.fromEntries(
      Object.entries(data).map(([name, value]) => [name, Buffer.from(value, 'base64').toString('utf8')]),
    ),
  };
}
