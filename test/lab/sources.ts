import { resourceTypeOf } from '#runtime/client/resource-type.ts';
import type { Client } from '#runtime/client/client.ts';
import { sourceKind, type Source } from '#schemas/index.ts';
import { findCondition } from '#schemas/meta/conditions.ts';
import { apiVersionOf } from '#schemas/meta/kind.ts';
import { ANNOTATIONS, SYSTEM_NAMESPACE } from '#schemas/meta/names.ts';
import { until } from './instance.ts';

export const sourceType = resourceTypeOf(sourceKind);

/** What a Source says of itself. */
export interface SourceVerdict {
  readonly reason: string;
  readonly message: string;
  readonly status: NonNullable<Source['status']>;
}

export interface SourceName {
  readonly name: string;
  readonly namespace?: string;
}

/** Declares a Source: of the platform, as the account `source`, unless something else is said. */
export async function declareSource(
  client: Client,
  { name, namespace = SYSTEM_NAMESPACE }: SourceName,
  spec: Readonly<Record<string, unknown>>,
): Promise<void> {
  const account = namespace === SYSTEM_NAMESPACE ? { serviceAccountName: 'source' } : {};
  await client.apply(
    sourceType,
    {
      apiVersion: apiVersionOf(sourceKind),
      kind: sourceKind.kind,
      metadata: { name, namespace },
      spec: { interval: '5s', prune: true, ...account, ...spec },
    },
    { fieldManager: 'lab', force: true, fieldValidation: 'Strict' },
  );
}

/** Writes an annotation on a Source, as wcpctl does. */
export async function annotateSource(
  client: Client,
  { name, namespace = SYSTEM_NAMESPACE }: SourceName,
  annotations: Partial<Readonly<Record<keyof typeof ANNOTATIONS, string>>>,
): Promise<void> {
  const written = Object.entries(annotations).map(([key, value]) => [
    ANNOTATIONS[key as keyof typeof ANNOTATIONS],
    value,
  ]);
  const body = { metadata: { annotations: Object.fromEntries(written) as object } };
  await client.patch(sourceType, { name, namespace }, { type: 'merge', body }, { fieldManager: 'lab' });
}

/** What a Source says once it says this: a reason, and words of its revision or message where they matter. */
export async function sourceSays(
  client: Client,
  { name, namespace = SYSTEM_NAMESPACE }: SourceName,
  {
    reason,
    revision = '',
    message = /^/,
  }: { readonly reason: string; readonly revision?: string; readonly message?: RegExp },
): Promise<SourceVerdict> {
  let last = 'nothing';
  return await until(async () => {
    const source = await client.get<Source & { readonly metadata: object }>(sourceType, { name, namespace });
    const ready = findCondition(source?.status?.conditions, 'Ready');
    last = `${ready?.reason ?? 'nothing'}: ${ready?.message ?? ''}`;
    const isCurrent = ready?.observedGeneration === source?.metadata.generation;
    if (ready?.reason !== reason || !isCurrent || source?.status === undefined) return undefined;
    if (source.status.attemptedRevision?.includes(revision) === false || !message.test(ready.message)) return undefined;
    return { reason, message: ready.message, status: source.status };
  }, `source ${namespace}/${name} to say ${reason} ${revision}`).catch((err: unknown) => {
    throw new Error(`source ${namespace}/${name} says ${last}, not ${reason} ${revision}`, { cause: err });
  });
}
