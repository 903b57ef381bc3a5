import type { KubeObject } from '#schemas/meta/object.ts';
import { systemClock } from '#runtime/base/clock.ts';
import { isEqual } from '#runtime/base/json.ts';
import type { Client } from '#runtime/client/client.ts';
import { rankOf } from './order.ts';
import { isNamespaceUnready, isNotServed, located } from './refusal.ts';
import type { Target } from './target.ts';

/** In whose name fields are written, and whether those of others are taken over. */
export interface Writer {
  readonly fieldManager: string;
  readonly force: boolean;
  readonly signal?: AbortSignal;
}

export type ApplyResult = 'created' | 'configured' | 'unchanged';

export interface Applied {
  readonly object: KubeObject;
  readonly result: ApplyResult;
}

/** How many writes are under way at once. */
const concurrency = 8;
/** A Kubernetes learns what kinds there are to count every half minute. */
const unreadyTimeoutMs = 60_000;
const unreadyPollMs = 100;

/**
 * Server-side apply of one document. A namespace or a kind that earlier documents of the same files bring is waited for.
 * Errors: ManifestError with file and line when the server refuses it; what is no answer of the server is thrown as it is.
 */
export async function applyOne(client: Client, target: Target, writer: Writer): Promise<Applied> {
  const before = await liveOf(client, target, writer.signal);
  const after = await onceReady(target, writer, async () => await write(client, target, { ...writer, dryRun: false }));
  return { object: after, result: resultOf(before, after) };
}

/** Applies all, several at once that do not need each other; tells of each as it stands. The first refusal ends it, once those under way have ended. */
export async function applyAll(
  client: Client,
  targets: readonly Target[],
  options: { readonly writer: Writer; readonly onApplied: (target: Target, applied: Applied) => void },
): Promise<void> {
  for (const [, equals] of Map.groupBy(targets, ({ object }) => rankOf(object.kind))) {
    const queue = [...equals];
    const worker = async (): Promise<void> => {
      for (let target = queue.shift(); target !== undefined; target = queue.shift())
        options.onApplied(target, await applyOne(client, target, options.writer));
    };
    const ended = await Promise.allSettled(Array.from({ length: concurrency }, worker));
    const failed = ended.find(({ status }) => status === 'rejected');
    if (failed?.status === 'rejected') throw failed.reason;
  }
}

/** What `applyOne` would do. What goes into a namespace, or is of a kind, that the same files bring would be created as it is written. */
export async function previewOne(client: Client, target: Target, writer: Writer): Promise<Applied> {
  const before = await liveOf(client, target, writer.signal);
  const after = await dryRunOne(client, target, writer);
  return { object: after ?? target.object, result: after === undefined ? 'created' : resultOf(before, after) };
}

/** The object as it would be stored; `undefined` where the server cannot tell, since the same files bring its namespace or its kind. */
export async function dryRunOne(client: Client, target: Target, writer: Writer): Promise<KubeObject | undefined> {
  try {
    return await write(client, target, { ...writer, dryRun: true });
  } catch (err) {
    if (isNamespaceUnready(err) || isNotServed(err)) return undefined;
    throw located(err, target);
  }
}

/** The object as it is now. */
export async function liveOf(client: Client, target: Target, signal?: AbortSignal): Promise<KubeObject | undefined> {
  const { name, namespace } = target.object.metadata;
  return await client.get(target.type, { name, namespace }, signal).catch((err: unknown) => {
    if (isNotServed(err)) return undefined;
    throw located(err, target);
  });
}

async function write(
  client: Client,
  { type, object }: Target,
  options: Writer & { readonly dryRun: boolean },
): Promise<KubeObject> {
  return await client.apply(type, object, { ...options, fieldValidation: 'Strict' });
}

async function onceReady(target: Target, { signal }: Writer, attempt: () => Promise<KubeObject>): Promise<KubeObject> {
  const giveUpAt = systemClock.now() + unreadyTimeoutMs;
  for (;;) {
    try {
      return await attempt();
    } catch (err) {
      const isAwaited = isNamespaceUnready(err) || isNotServed(err);
      if (!isAwaited || systemClock.now() > giveUpAt) throw located(err, target);
      await systemClock.sleep(unreadyPollMs, signal);
    }
  }
}

/** Tells by what is stored, not by the resourceVersion, so that a dry run answers the same. */
function resultOf(before: KubeObject | undefined, after: KubeObject): ApplyResult {
  if (before === undefined) return 'created';
  return isEqual(withoutBookkeeping(before), withoutBookkeeping(after)) ? 'unchanged' : 'configured';
}

function withoutBookkeeping(object: KubeObject): unknown {
  const { resourceVersion: _version, managedFields: _fields, generation: _generation, ...metadata } = object.metadata;
  return { ...object, metadata, status: undefined };
}
