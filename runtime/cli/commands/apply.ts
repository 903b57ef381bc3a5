import type { KubeObject } from '#schemas/meta/object.ts';
import { isEqual } from '#runtime/base/json.ts';
import type { Client } from '#runtime/client/client.ts';
import { objectName } from '#runtime/cli/api/rest-mapper.ts';
import { loadManifests } from '#runtime/cli/manifests/load.ts';
import { inApplyOrder } from '#runtime/cli/manifests/order.ts';
import { parseOutputFormat, type Printable } from '#runtime/cli/output/printer.ts';
import { targetMaker, isNamespaceUnready, located, type Target } from '#runtime/cli/manifests/target.ts';
import type { Session } from '#runtime/cli/session.ts';
import { pruneByInventory } from './prune.ts';
import { checkAll } from './apply-check.ts';
import { waitUntilReady } from './apply-wait.ts';

export interface ApplyOptions {
  readonly filename: readonly string[];
  readonly recursive?: boolean;
  readonly dryRun?: string;
  readonly fieldManager?: string;
  readonly forceConflicts?: boolean;
  readonly prune?: boolean;
  readonly inventory?: string;
  readonly output?: string;
  readonly wait?: boolean;
  readonly timeout?: string;
}

export type ApplyResult = 'created' | 'configured' | 'unchanged';

/** A Kubernetes learns what kinds there are to count every half minute. */
const namespaceTimeoutMs = 60_000;
const namespacePollMs = 100;

/** `wcpctl apply`: server-side apply of all documents, each checked before the first is written. */
export async function apply(session: Session, options: ApplyOptions): Promise<void> {
  const format = parseOutputFormat(options.output, { showManagedFields: false });
  const manifests = await loadManifests(session.io, options.filename, { recursive: options.recursive ?? false });
  const client = await session.client();
  const targets = inApplyOrder(manifests).map(await targetMaker(session));
  await checkAll(client, targets, options);
  const writing = { ...options, isDryRun: options.dryRun === 'server' || options.dryRun === 'client' };
  const applied: Applied[] = [];
  for (const target of targets) {
    const one = await applyOne(client, target, writing);
    applied.push(one);
    if (format.type === 'table') session.io.out(`${one.subject} ${one.result}${dryRunMark(writing)}\n`);
  }
  if (format.type === 'objects') session.io.out(format.print(printable(applied)));
  if (options.prune === true) await pruneByInventory(session, targets, writing);
  if (options.wait === true && !writing.isDryRun) await waitUntilReady(session, targets, options.timeout ?? '5m');
}

interface Writing extends ApplyOptions {
  readonly isDryRun: boolean;
}

interface Applied {
  readonly subject: string;
  readonly object: KubeObject;
  readonly result: ApplyResult;
}

function dryRunMark({ isDryRun }: Writing): string {
  return isDryRun ? ' (server dry run)' : '';
}

function printable(applied: readonly Applied[]): Printable {
  const names = new Map(applied.map(({ object, subject }) => [object, subject]));
  return {
    objects: applied.map(({ object }) => object),
    asList: applied.length !== 1,
    nameOf: (object) => names.get(object) ?? object.metadata.name,
  };
}

async function applyOne(client: Client, target: Target, options: Writing): Promise<Applied> {
  const { type, object } = target;
  const subject = objectName(type, object.metadata.name);
  const before = await client.get(type, { name: object.metadata.name, namespace: object.metadata.namespace });
  const write = async (): Promise<KubeObject> =>
    client.apply(type, object, {
      fieldManager: options.fieldManager ?? 'wcpctl',
      force: options.forceConflicts ?? false,
      fieldValidation: 'Strict',
      dryRun: options.isDryRun,
    });
  const after = options.isDryRun ? await write().catch(asChecked(target)) : await withNamespaceAwaited(target, write);
  return { subject, object: after, result: resultOf(before, after) };
}

/** A dry run into a namespace that these files bring ends as the check before it did. */
function asChecked(target: Target): (err: unknown) => KubeObject {
  return (err) => {
    if (isNamespaceUnready(err)) return target.object;
    throw located(err, target);
  };
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

/** A Tenant of the same files makes its namespace a moment after it was applied: wait for that instead of failing. */
async function withNamespaceAwaited<T>(target: Target, write: () => Promise<T>): Promise<T> {
  const giveUpAt = Date.now() + namespaceTimeoutMs;
  for (;;) {
    try {
      return await write();
    } catch (err) {
      if (!isNamespaceUnready(err) || Date.now() > giveUpAt) throw located(err, target);
      await new Promise((resolve) => setTimeout(resolve, namespacePollMs));
    }
  }
}
